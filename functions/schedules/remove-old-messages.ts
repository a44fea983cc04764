import type { TimerHandler } from '@azure/functions';
import { logLine } from '../log-line.ts';
import type { MessageStore } from '../messages/message-store.ts';

/** Removes what is older than messages are kept. */
export function removeOldMessagesHandler(dependencies: {
  store: Pick<MessageStore, 'removeCreatedBefore'>;
  now: () => number;
  retentionMs: number;
}): TimerHandler {
  return async (_timer, context) => {
    const { store, now, retentionMs } = dependencies;
    const removed = await store.removeCreatedBefore(now() - retentionMs);
    context.log(logLine('messages.removed', { removed }));
  };
}
