import { createHash } from 'node:crypto';
import { DownlinkError } from '../errors.ts';
import type { HandOverPlace } from './lifecycle.ts';
import { MAX_MESSAGE_BYTES, MAX_TTL_SECONDS } from './message.ts';
import type { Message, OutgoingMessage } from './message.ts';
import { sizeInBytes } from './message-size.ts';
import type { MessageStore } from './message-store.ts';

/** A validated request, defaults filled in. */
export interface SendMessageRequest extends Omit<OutgoingMessage, 'expiresAt'> {
  readonly expiry: { readonly ttlSeconds: number } | { readonly expiresAt: number };
  /** How long after its delivery the device's own receipt is waited for; absent if it is not. */
  readonly awaitReceiptSeconds?: number;
}

export interface SentMessage {
  readonly message: Message;
  /** True when the request repeated an earlier one and nothing was sent for it. */
  readonly replayed: boolean;
}

/** The message as it is when it is accepted. Throws `message-too-large`. */
export function newMessage(
  request: SendMessageRequest,
  acceptedAt: number,
  place: HandOverPlace,
): Message {
  const sizeBytes = sizeInBytes(request);
  if (sizeBytes > MAX_MESSAGE_BYTES) throw tooLarge(sizeBytes);
  const { body: _body, expiry, awaitReceiptSeconds, ...told } = request;
  return {
    ...told,
    ...place,
    status: 'accepted',
    createdAt: acceptedAt,
    updatedAt: acceptedAt,
    expiresAt: 'expiresAt' in expiry ? expiry.expiresAt : acceptedAt + expiry.ttlSeconds * 1000,
    sizeBytes,
    ...(awaitReceiptSeconds !== undefined && { awaitReceiptMs: awaitReceiptSeconds * 1000 }),
    attempt: 1,
    history: [{ status: 'accepted', at: acceptedAt }],
    contentHash: contentHash(request),
  };
}

/** A repeat may come when the expiry it names is over: it still gets the answer of the first. */
export async function replayOnly(
  store: Pick<MessageStore, 'find'>,
  fresh: Message,
  fault: DownlinkError,
): Promise<SentMessage> {
  const earlier = await store.find(fresh);
  if (!earlier) throw fault;
  checkSameContent(earlier.message, fresh);
  if (earlier.message.status === 'failed') throw fault;
  return { message: earlier.message, replayed: true };
}

export function checkSameContent(earlier: Message, fresh: Message): void {
  if (earlier.contentHash === fresh.contentHash) return;
  throw new DownlinkError(
    'idempotency-conflict',
    `The message id '${fresh.messageId}' is taken on this device by a message of other content. ` +
      'Repeat with the same content to get its state, or send with another id.',
  );
}

export function expiryFaultOf(expiresAt: number, now: number): DownlinkError | undefined {
  const ttlMs = expiresAt - now;
  if (ttlMs >= 1000 && ttlMs <= MAX_TTL_SECONDS * 1000) return undefined;
  const message = 'must lie between 1 second and 48 hours from now';
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path: 'body.expiresAt', message }],
  });
}

function tooLarge(sizeBytes: number): DownlinkError {
  return new DownlinkError(
    'message-too-large',
    `The message has ${sizeBytes} bytes, body and properties together; IoT Hub takes at most ${MAX_MESSAGE_BYTES}. ` +
      'Send less, or send a link from which the device fetches the rest.',
  );
}

function contentHash(request: SendMessageRequest): string {
  // A repeat comes in a trace of its own.
  const { body, properties, traceParent: _trace, ...rest } = request;
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
