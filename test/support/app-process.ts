import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const hostEntryPoint = path.join(root, 'simulator/dist/host/main.js');

interface HttpFunction {
  readonly name: string;
  readonly type: string;
  readonly route?: string;
  readonly methods?: readonly string[];
  readonly authLevel?: string;
}

export interface AppProcess {
  /** Where the API answers, e.g. `http://localhost:49152`. */
  readonly url: string;
  /** The table of triggers, as the host read it. */
  readonly functions: readonly HttpFunction[];
  /** Everything that it printed so far. */
  output(): string;
  /** As a crash would: nothing is finished on the way out. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

interface Ready {
  readonly type: string;
  readonly url: string;
  readonly functions: readonly HttpFunction[];
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
  const { url, functions } = await new Promise<Ready>((resolve, reject) => {
    child.on('message', (message: Ready) => {
      if (message.type === 'ready') resolve(message);
    });
    void closed.then(() => reject(new Error(`the app ended before it was ready:\n${output}`)));
  });

  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await closed;
  };
  return {
    url,
    functions,
    output: () => output,
    kill: async () => end('SIGKILL'),
    stop: async () => end('SIGTERM'),
  };
}
