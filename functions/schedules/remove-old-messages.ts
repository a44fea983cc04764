import type { TimerHandler } from '@azure/functions';
import { logLine } from '../log-line.ts';
import type { EventLog } from '../event-log/status-event.ts';
import type { MessageStore } from '../messages/message-store.ts';

/** Removes messages and events that are older than they are kept. */
export function removeOldMessagesHandler(dependencies: {
  store: Pick<MessageStore, 'removeCreatedBefore'>;
  eventLog: Pick<EventLog, 'removeBefore'>;
  now: () => number;
  retentionMs: number;
}): TimerHandler {
  return async (_timer, context) => {
    const { store, eventLog, now, retentionMs } = dependencies;
    const before = now() - retentionMs;
    const messages = await store.removeCreatedBefore(before);
    const events = await eventLog.removeBefore(before);
    context.log(logLine('retention.removed', { messages, events }));
  };
}
