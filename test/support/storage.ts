import { afterAll, beforeAll } from '@jest/globals';
import { dueAt } from '../../functions/messages/open-messages.ts';
import type { Backlog } from '../../functions/messages/dispatch/backlog.ts';
import { messageTransactions } from '../../functions/storage/message-transactions.ts';
import { tableBacklog } from '../../functions/storage/table-backlog.ts';
import { connectTable } from '../../functions/storage/table.ts';
import type { Table } from '../../functions/storage/table.ts';
import { tableEventLog } from '../../functions/storage/table-event-log.ts';
import { tableInvocationStore } from '../../functions/storage/table-invocation-store.ts';
import { tableMessageStore } from '../../functions/storage/table-message-store.ts';
import type { EventLog } from '../../functions/event-log/status-event.ts';
import type { InvocationStore } from '../../functions/methods/invocation-store.ts';
import type { MessageStore } from '../../functions/messages/message-store.ts';
import { startStorageEmulatorProcess } from './storage-emulator.ts';

export const FEEDBACK_TTL_MS = 3_600_000;

export interface TestStorage {
  readonly connectionString: string;
  readonly table: Table;
  readonly messages: MessageStore;
  readonly backlog: Backlog;
  readonly events: EventLog;
  readonly invocations: InvocationStore;
}

/** A real storage emulator for the tests of one file; each call of the function it gives makes a table of its own. */
export function useStorage(): (options?: { now?: () => number }) => TestStorage {
  let emulator: Awaited<ReturnType<typeof startStorageEmulatorProcess>> | undefined;
  let tables = 0;

  beforeAll(async () => {
    emulator = await startStorageEmulatorProcess();
  });
  afterAll(async () => {
    await emulator?.stop();
  });

  return ({ now = Date.now } = {}) => {
    if (!emulator) throw new Error('useStorage: the emulator runs only within tests');
    tables += 1;
    const table = connectTable(emulator.connectionString, `test${tables}`);
    const rows = messageTransactions({
      table,
      dueAt: (message) => dueAt(message, FEEDBACK_TTL_MS),
      now,
    });
    const messages = tableMessageStore({ table, rows });
    const backlog = tableBacklog({ table, rows, now });
    const events = tableEventLog(table);
    const invocations = tableInvocationStore({ table, now });
    const { connectionString } = emulator;
    return { connectionString, table, messages, backlog, events, invocations };
  };
}
