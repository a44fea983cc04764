import type { TimerHandler } from '@azure/functions';
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
    context.log('messages.removed', { removed });
  };
}
