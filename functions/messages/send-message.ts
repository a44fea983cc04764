import { createHash } from 'node:crypto';
import { DownlinkError } from '../errors.ts';
import { mayTryAgain, withFact, withNewAttempt, withRefusal } from './lifecycle.ts';
import { MAX_MESSAGE_BYTES, MAX_TTL_SECONDS } from './message.ts';
import type { HandOver, Message, MessageSender, OutgoingMessage } from './message.ts';
import { sizeInBytes } from './message-size.ts';
import type { MessageStore, StoredMessage } from './message-store.ts';

/** A validated request, defaults filled in. */
export interface SendMessageRequest extends Omit<OutgoingMessage, 'expiresAt'> {
  readonly expiry: { readonly ttlSeconds: number } | { readonly expiresAt: number };
}

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

export interface SentMessage {
  readonly message: Message;
  /** True when the request repeated an earlier one and nothing was sent for it. */
  readonly replayed: boolean;
}

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
  const sizeBytes = sizeInBytes(request);
  if (sizeBytes > MAX_MESSAGE_BYTES) throw tooLarge(sizeBytes);
  const startedAt = now();
  const handOver: HandOver = { until: startedAt + handOverMs, owner: newOwner() };
  const fresh = newMessage(request, { startedAt, handOver, sizeBytes });

  const expiryFault = expiryFaultOf(fresh.expiresAt, startedAt);
  if (expiryFault) return replayOnly(dependencies, fresh, expiryFault);

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
      ? withNewAttempt(message, { handOver, expiresAt }, startedAt)
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

/** A repeat may come when the expiry it names is over: it still gets the answer of the first. */
async function replayOnly(
  { store }: SendMessageDependencies,
  fresh: Message,
  fault: DownlinkError,
): Promise<SentMessage> {
  const earlier = await store.find(fresh);
  if (!earlier) throw fault;
  checkSameContent(earlier.message, fresh);
  if (earlier.message.status === 'failed') throw fault;
  return { message: earlier.message, replayed: true };
}

function checkSameContent(earlier: Message, fresh: Message): void {
  if (earlier.contentHash === fresh.contentHash) return;
  throw new DownlinkError(
    'idempotency-conflict',
    `The message id '${fresh.messageId}' is taken on this device by a message of other content. ` +
      'Repeat with the same content to get its state, or send with another id.',
  );
}

function newMessage(
  request: SendMessageRequest,
  made: { startedAt: number; handOver: HandOver; sizeBytes: number },
): Message {
  const { body: _body, expiry, ...told } = request;
  return {
    ...told,
    status: 'accepted',
    createdAt: made.startedAt,
    updatedAt: made.startedAt,
    expiresAt: 'expiresAt' in expiry ? expiry.expiresAt : made.startedAt + expiry.ttlSeconds * 1000,
    sizeBytes: made.sizeBytes,
    attempt: 1,
    history: [{ status: 'accepted', at: made.startedAt }],
    contentHash: contentHash(request),
    handOver: made.handOver,
  };
}

function expiryFaultOf(expiresAt: number, now: number): DownlinkError | undefined {
  const ttlMs = expiresAt - now;
  if (ttlMs >= 1000 && ttlMs <= MAX_TTL_SECONDS * 1000) return undefined;
  const message = 'must lie between 1 second and 48 hours from now';
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path: 'body.expiresAt', message }],
  });
}

/** A send that began now could still be under way when a repeat may begin. */
function storedTooSlowly(): DownlinkError {
  return new DownlinkError(
    'storage-unavailable',
    'The storage took so long that the message was not sent any more; send it again.',
  );
}

function tooLarge(sizeBytes: number): DownlinkError {
  return new DownlinkError(
    'message-too-large',
    `The message has ${sizeBytes} bytes, body and properties together; IoT Hub takes at most ${MAX_MESSAGE_BYTES}. ` +
      'Send less, or send a link from which the device fetches the rest.',
  );
}

function contentHash(request: SendMessageRequest): string {
  const { body, properties, ...rest } = request;
  const byName = Object.entries(properties).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(
      JSON.stringify(
        Object.entries({ ...rest, properties: byName }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    )
    .update(body)
    .digest('base64url');
}
