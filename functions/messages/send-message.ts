import { DownlinkError } from '../errors.ts';
import { mayTryAgain, withFact, withNewAttempt, withRefusal } from './lifecycle.ts';
import type { HandOver, Message, MessageSender } from './message.ts';
import type { MessageStore, StoredMessage } from './message-store.ts';
import { checkSameContent, expiryFaultOf, newMessage, replayOnly } from './new-message.ts';
import type { SendMessageRequest, SentMessage } from './new-message.ts';

export interface SendMessageDependencies {
  readonly store: Pick<MessageStore, 'insert' | 'find' | 'change'>;
  readonly sender: MessageSender;
  readonly wakeUps: { request(): Promise<void> };
  readonly now: () => number;
  readonly newOwner: () => string;
  /** How long one attempt to hand over may take before another may begin, in milliseconds; a send takes at most half of it. */
  readonly handOverMs: number;
  readonly warn: Warn;
}

/** Told of errors that must not change the answer. */
export type Warn = (event: string, error: unknown) => void;

/**
 * Records the message, hands it to the hub and records what the hub said, in this order: a crash in between
 * leaves a message that is known, never one that was sent and forgotten.
 *
 * Rejects with `idempotency-conflict`, `message-too-large`, `invalid-request`, `storage-unavailable` (nothing was
 * sent), and with everything that MessageSender.send rejects with.
 */
export async function sendMessage(
  dependencies: SendMessageDependencies,
  request: SendMessageRequest,
): Promise<SentMessage> {
  const { store, wakeUps, now, newOwner, handOverMs, warn } = dependencies;
  const startedAt = now();
  const handOver: HandOver = { until: startedAt + handOverMs, owner: newOwner() };
  const fresh = newMessage(request, startedAt, { handOver });

  const expiryFault = expiryFaultOf(fresh.expiresAt, startedAt);
  if (expiryFault) return replayOnly(store, fresh, expiryFault);

  const { inserted, ...stored } = await store.insert(fresh);
  const claimed = inserted ? stored : await claimRepeat(store, stored, fresh, startedAt);
  if (!claimed)
    return { message: (await store.find(fresh))?.message ?? stored.message, replayed: true };

  const [message] = await Promise.all([
    handOverToHub(dependencies, request, claimed),
    wakeUps.request().catch((error: unknown) => warn('feedback.wake-up-not-requested', error)),
  ]);
  return { message, replayed: false };
}

/** The one conditional write that makes a repeat a new try; undefined if the repeat is a replay. */
async function claimRepeat(
  store: Pick<MessageStore, 'change'>,
  stored: StoredMessage,
  fresh: Message,
  startedAt: number,
): Promise<StoredMessage | undefined> {
  checkSameContent(stored.message, fresh);
  const { handOver, expiresAt } = fresh;
  if (!handOver) return undefined;
  const { changed: _changed, ...result } = await store.change(stored, (message) =>
    mayTryAgain(message, startedAt)
      ? withNewAttempt(message, { place: { handOver }, expiresAt }, startedAt)
      : undefined,
  );
  return result.message.handOver?.owner === handOver.owner ? result : undefined;
}

async function handOverToHub(
  { store, sender, now, handOverMs, warn }: SendMessageDependencies,
  request: SendMessageRequest,
  claimed: StoredMessage,
): Promise<Message> {
  const { expiry: _expiry, ...outgoing } = request;
  const { owner = '', until = 0 } = claimed.message.handOver ?? {};
  const handedOverAt = now();
  try {
    if (until - handedOverAt < handOverMs / 2) throw storedTooSlowly();
    await sender.send({ ...outgoing, expiresAt: claimed.message.expiresAt });
  } catch (error) {
    if (error instanceof DownlinkError && error.code !== 'hub-outcome-unknown') {
      const failure = { code: error.code, detail: error.detail };
      await store
        .change(claimed, (message) => withRefusal(message, owner, { at: now(), failure }, now()))
        .catch((notStored: unknown) => warn('message.refusal-not-recorded', notStored));
    }
    throw error;
  }
  // The time at which the hand-over began: what the device does with the message comes after it, never before.
  const enqueued = { status: 'enqueued', at: handedOverAt } as const;
  try {
    const recorded = await store.change(claimed, (message) => withFact(message, enqueued, now()));
    return recorded.message;
  } catch (error) {
    // The hub has the message: saying anything else would make the caller send it twice.
    warn('message.enqueued-not-recorded', error);
    return withFact(claimed.message, enqueued, now()) ?? claimed.message;
  }
}

/** A send that began now could still be under way when a repeat may begin. */
function storedTooSlowly(): DownlinkError {
  return new DownlinkError(
    'storage-unavailable',
    'The storage took so long that the message was not sent any more; send it again.',
  );
}
