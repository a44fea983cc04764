import type { EventLog } from '../event-log/status-event.ts';
import type { WakeUpQueue, WakeUpStore } from '../messages/feedback-wake-ups.ts';
import type { Message } from '../messages/message.ts';
import type { MessageStore } from '../messages/message-store.ts';
import { storageWakeUpQueue } from './storage-wake-up-queue.ts';
import { connectTable } from './table.ts';
import { CONTROL_PARTITION } from './table-keys.ts';
import { tableEventLog } from './table-event-log.ts';
import { tableMessageStore } from './table-message-store.ts';
import { tableWakeUpStore } from './table-wake-up-store.ts';

const TABLE_NAME = 'downlink';

export interface Storage {
  readonly messages: MessageStore;
  readonly events: EventLog;
  readonly wakeUpStore: WakeUpStore;
  readonly wakeUpQueue: WakeUpQueue;
  /** Settles when the storage answered; rejects with `storage-unavailable`. */
  check(): Promise<void>;
}

/** Connects lazily: nothing is sent before the first use. */
export function connectStorage(options: {
  connectionString: string;
  wakeUpQueueName: string;
  dueAt: (message: Message) => number | undefined;
  now: () => number;
}): Storage {
  const table = connectTable(options.connectionString, TABLE_NAME);
  return {
    messages: tableMessageStore({ table, dueAt: options.dueAt, now: options.now }),
    events: tableEventLog(table),
    wakeUpStore: tableWakeUpStore(table),
    wakeUpQueue: storageWakeUpQueue(options.connectionString, options.wakeUpQueueName),
    async check() {
      await table.find(CONTROL_PARTITION, 'health');
    },
  };
}
