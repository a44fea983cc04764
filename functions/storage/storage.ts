import type { EventLog, StatusEvent } from '../event-log/status-event.ts';
import type { Backlog } from '../messages/dispatch/backlog.ts';
import type { DispatchQueue } from '../messages/dispatch/dispatch-queue.ts';
import type { PaceState, PaceStore } from '../messages/dispatch/hub-pace.ts';
import type { FeedbackWatchState } from '../messages/feedback-health.ts';
import type { FeedbackWatchStore } from '../messages/feedback-watch.ts';
import type { WakeUpQueue, WakeUpSchedule, WakeUpStore } from '../messages/feedback-wake-ups.ts';
import type { Message } from '../messages/message.ts';
import type { MessageStore } from '../messages/message-store.ts';
import type { InvocationStore } from '../methods/invocation-store.ts';
import type { InvocationQueue } from '../methods/settle-invocation.ts';
import { messageTransactions } from './message-transactions.ts';
import { storageQueue } from './storage-queue.ts';
import type { StorageQueue } from './storage-queue.ts';
import { connectTable } from './table.ts';
import { tableBacklog } from './table-backlog.ts';
import { tableControlRow } from './table-control-row.ts';
import { CONTROL_PARTITION } from './table-keys.ts';
import { tableEventLog } from './table-event-log.ts';
import { tableInvocationStore } from './table-invocation-store.ts';
import { tableMessageStore } from './table-message-store.ts';
import { toldTable } from './told-table.ts';

const TABLE_NAME = 'downlink';

export interface Storage {
  readonly messages: MessageStore;
  readonly backlog: Backlog;
  readonly events: EventLog;
  readonly invocations: InvocationStore;
  readonly invocationQueue: InvocationQueue;
  readonly invocationPoisonQueue: StorageQueue<object>;
  readonly wakeUpStore: WakeUpStore;
  readonly wakeUpQueue: WakeUpQueue;
  readonly paceStore: PaceStore;
  readonly dispatchQueue: DispatchQueue;
  readonly dispatchPoisonQueue: StorageQueue<object>;
  readonly feedbackWatchStore: FeedbackWatchStore;
  /** Settles when the storage answered; rejects with `storage-unavailable`. */
  check(): Promise<void>;
}

/** Connects lazily: nothing is sent before the first use. */
export function connectStorage(options: {
  connectionString: string;
  queueNames: { wakeUps: string; dispatch: string; invocations: string };
  dueAt: (message: Message) => number | undefined;
  now: () => number;
  /** Told of every change of status once it is stored. */
  onStatusEvent: (event: StatusEvent) => void;
}): Storage {
  const table = toldTable(
    connectTable(options.connectionString, TABLE_NAME),
    options.onStatusEvent,
  );
  const rows = messageTransactions({ table, dueAt: options.dueAt, now: options.now });
  const queue = <Content>(name: string) => storageQueue<Content>(options.connectionString, name);
  return {
    messages: tableMessageStore({ table, rows }),
    backlog: tableBacklog({ table, rows, now: options.now }),
    events: tableEventLog(table),
    invocations: tableInvocationStore({ table, now: options.now }),
    invocationQueue: queue(options.queueNames.invocations),
    invocationPoisonQueue: queue(`${options.queueNames.invocations}-poison`),
    wakeUpStore: tableControlRow<WakeUpSchedule>(table, 'feedback-schedule'),
    wakeUpQueue: queue(options.queueNames.wakeUps),
    paceStore: tableControlRow<PaceState>(table, 'hub-pace'),
    feedbackWatchStore: tableControlRow<FeedbackWatchState>(table, 'feedback-watch'),
    dispatchQueue: queue(options.queueNames.dispatch),
    dispatchPoisonQueue: queue(`${options.queueNames.dispatch}-poison`),
    async check() {
      await table.find(CONTROL_PARTITION, 'health');
    },
  };
}
