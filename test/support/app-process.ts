import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const hostEntryPoint = path.join(root, 'simulator/dist/host/main.js');

export interface AppProcess {
  /** Where the API answers, e.g. `http://localhost:49152`. */
  readonly url: string;
  /** Everything that it printed so far. */
  output(): string;
  /** As a crash would: nothing is finished on the way out. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** The deployed bundle on the local Functions host, in a process of its own. */
export async function startAppProcess(
  settings: Record<string, string>,
  options: { appRoot?: string; nodeOptions?: readonly string[] } = {},
): Promise<AppProcess> {
  const { appRoot = root, nodeOptions = [] } = options;
  const child = fork(hostEntryPoint, [appRoot, '--port', '0'], {
    cwd: root,
    execArgv: [...nodeOptions],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...settings },
  });
  let output = '';
  const read = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  const closed = once(child, 'close');
  const url = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: { type?: string; url?: string }) => {
      if (message.type === 'ready' && message.url !== undefined) resolve(message.url);
    });
    void closed.then(() => reject(new Error(`the app ended before it was ready:\n${output}`)));
  });

  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await closed;
  };
  return {
    url,
    output: () => output,
    kill: async () => end('SIGKILL'),
    stop: async () => end('SIGTERM'),
  };
}
