import { mayTryAgain, withNewAttempt } from '../lifecycle.ts';
import type { MessageStore } from '../message-store.ts';
import { checkSameContent, expiryFaultOf, newMessage, replayOnly } from '../new-message.ts';
import type { SendMessageRequest, SentMessage } from '../new-message.ts';
import type { Warn } from '../send-message.ts';
import type { Backlog } from './backlog.ts';

/**
 * Takes a message over: once this settles it is stored, and we own its way to the hub.
 *
 * Rejects with `idempotency-conflict`, `message-too-large`, `invalid-request`, `storage-unavailable` (the message may
 * have been stored: a repeat with the same id tells).
 */
export async function queueMessage(
  dependencies: {
    store: Pick<MessageStore, 'find'>;
    backlog: Pick<Backlog, 'append' | 'appendAgain'>;
    requestDispatch: (deviceId: string) => Promise<void>;
    wakeUps: { request(): Promise<void> };
    now: () => number;
    warn: Warn;
  },
  request: SendMessageRequest,
): Promise<SentMessage> {
  const { store, backlog, requestDispatch, wakeUps, now, warn } = dependencies;
  const compose = (acceptedAt: number) =>
    newMessage(request, acceptedAt, { backlog: { acceptedAt } });
  const startedAt = now();
  const fresh = compose(startedAt);
  const expiryFault = expiryFaultOf(fresh.expiresAt, startedAt);
  if (expiryFault) return replayOnly(store, fresh, expiryFault);

  const { inserted, ...stored } = await backlog.append(request, compose, request.body);
  let { message } = stored;
  if (!inserted) {
    checkSameContent(message, fresh);
    const again = await backlog.appendAgain(
      stored,
      (current, acceptedAt) =>
        mayTryAgain(current, now())
          ? withNewAttempt(
              current,
              { place: { backlog: { acceptedAt } }, expiresAt: compose(acceptedAt).expiresAt },
              acceptedAt,
            )
          : undefined,
      request.body,
    );
    if (!again.changed) return { message: again.message, replayed: true };
    ({ message } = again);
  }
  // The message is safe: what fails here costs time only, until the watch finds the backlog.
  await Promise.all([
    requestDispatch(request.deviceId).catch((error: unknown) =>
      warn('dispatch.wake-up-not-requested', error),
    ),
    wakeUps.request().catch((error: unknown) => warn('feedback.wake-up-not-requested', error)),
  ]);
  return { message, replayed: false };
}
