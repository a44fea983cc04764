import { parseArgs } from 'node:util';
import { startStorageEmulator, type StorageEmulator } from './storage-emulator.ts';
import { StorageStateError } from './stored-state.ts';

/** What this process tells its parent over IPC. */
export type StorageMessage =
  | { type: 'ready'; connectionString: string; ports: { queue: number; table: number } }
  | { type: 'failed'; message: string; stateIsUnreadable: boolean };

const isChild = process.send !== undefined;
let emulator: StorageEmulator | undefined;
let isStopping = false;

process.on('SIGTERM', stop);
process.on('disconnect', stop);
// Ctrl-C and the end of the terminal may reach the whole process group. With a parent, it is the
// parent who says when to stop: the app may still have rows to write.
for (const signal of ['SIGINT', 'SIGHUP']) {
  process.on(signal, () => {
    if (!process.connected) stop();
  });
}

try {
  // The parent may have gone while our modules were loading, before anybody listened for that.
  if (isChild && !process.connected) process.exit(0);
  const { values } = parseArgs({
    options: {
      folder: { type: 'string' },
      'queue-port': { type: 'string', default: '0' },
      'table-port': { type: 'string', default: '0' },
    },
  });
  emulator = await startStorageEmulator({
    ports: { queue: Number(values['queue-port']), table: Number(values['table-port']) },
    ...(values.folder === undefined ? {} : { folder: values.folder }),
  });
  const { connectionString, ports } = emulator;
  if (!isChild) process.stdout.write(`${connectionString}\n`);
  tellParent({ type: 'ready', connectionString, ports });
} catch (error) {
  fail(error);
}

function stop(): void {
  if (isStopping) return;
  isStopping = true;
  // What is only starting has nothing to save.
  if (emulator === undefined) process.exit(0);
  emulator.stop().then(
    () => process.exit(0),
    (error: unknown) => fail(error),
  );
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
