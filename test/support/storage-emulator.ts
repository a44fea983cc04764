import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const entryPoint = path.resolve(import.meta.dirname, '../../simulator/dist/storage/main.js');

interface Ready {
  type: 'ready';
  connectionString: string;
  ports: { queue: number; table: number };
}

export interface StorageEmulatorProcess {
  connectionString: string;
  ports: { queue: number; table: number };
  /** As a crash would: nothing is saved on the way out. */
  kill(): Promise<void>;
  /** As when this process ends without a word. */
  disconnect(): Promise<void>;
  stop(): Promise<void>;
}

/** Azurite in a process of its own (its modules are heavy to load inside jest), gone with its parent. */
export async function startStorageEmulatorProcess(
  options: { folder?: string } = {},
): Promise<StorageEmulatorProcess> {
  const child = fork(entryPoint, options.folder === undefined ? [] : ['--folder', options.folder], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
  });
  const exited = once(child, 'exit');
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once('message', (message: Ready | { type: 'failed'; message: string }) => {
      if (message.type === 'ready') resolve(message);
      else reject(new Error(message.message));
    });
    child.once('exit', (code) => {
      reject(new Error(`the storage emulator ended with code ${String(code)} before it was ready`));
    });
  });

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  return {
    connectionString: ready.connectionString,
    ports: ready.ports,
    disconnect: async () => {
      child.disconnect();
      await exited;
    },
    kill: async () => end('SIGKILL'),
    stop: async () => end('SIGTERM'),
  };
}
