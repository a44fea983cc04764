import type { TimerHandler } from '@azure/functions';
import { logLine } from '../log-line.ts';
import type { EventLog } from '../event-log/status-event.ts';
import type { InvocationStore } from '../methods/invocation-store.ts';
import type { MessageStore } from '../messages/message-store.ts';

/** Removes messages, invocations and events that are older than they are kept. */
export function removeOldMessagesHandler(dependencies: {
  store: Pick<MessageStore, 'removeCreatedBefore'>;
  invocations: Pick<InvocationStore, 'removeCreatedBefore'>;
  eventLog: Pick<EventLog, 'removeBefore'>;
  now: () => number;
  retentionMs: number;
}): TimerHandler {
  return async (_timer, context) => {
    const { store, invocations, eventLog, now, retentionMs } = dependencies;
    const before = now() - retentionMs;
    const messages = await store.removeCreatedBefore(before);
    const calls = await invocations.removeCreatedBefore(before);
    const events = await eventLog.removeBefore(before);
    context.log(logLine('retention.removed', { messages, invocations: calls, events }));
  };
}
