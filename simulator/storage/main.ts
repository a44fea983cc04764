import { parseArgs } from 'node:util';
import { startStorageEmulator, type StorageEmulatorOptions } from './storage-emulator.ts';
import { StorageStateError } from './stored-state.ts';

/** What this process tells its parent over IPC. */
export type StorageMessage =
  | { type: 'ready'; connectionString: string; ports: { queue: number; table: number } }
  | { type: 'failed'; message: string; stateIsUnreadable: boolean };

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    'queue-port': { type: 'string', default: '0' },
    'table-port': { type: 'string', default: '0' },
  },
});

const options: StorageEmulatorOptions = {
  ports: { queue: Number(values['queue-port']), table: Number(values['table-port']) },
  ...(values.folder === undefined ? {} : { folder: values.folder }),
};

try {
  const emulator = await startStorageEmulator(options);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    emulator.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  // Ctrl-C reaches the whole process group. With a parent, it is the parent who says when to stop:
  // the app may still have rows to write.
  process.on('SIGINT', () => {
    if (!process.connected) stop();
  });
  process.on('disconnect', stop);
  if (process.send === undefined) process.stdout.write(`${emulator.connectionString}\n`);
  const { connectionString, ports } = emulator;
  tellParent({ type: 'ready', connectionString, ports });
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  const message = describe(error);
  process.stderr.write(`storage emulator: ${message}\n`);
  const stateIsUnreadable = error instanceof StorageStateError;
  tellParent({ type: 'failed', message, stateIsUnreadable }, () => process.exit(1));
}

function tellParent(message: StorageMessage, sent?: () => void): void {
  if (process.send === undefined || !process.connected) sent?.();
  else process.send(message, undefined, undefined, () => sent?.());
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}
