import { DownlinkError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { withDeferral, withFact } from '../lifecycle.ts';
import type { Message, MessageSender, OutgoingMessage } from '../message.ts';
import type { StoredMessage } from '../message-store.ts';
import type { Warn } from '../send-message.ts';
import type { BacklogEntry } from './backlog.ts';
import { withFailure } from './decisions.ts';
import type { Note } from './held-lease.ts';
import type { HubPace } from './hub-pace.ts';

/** What the hub, or the way to it, refuses only for now. */
const FOR_NOW: ReadonlySet<ErrorCode> = new Set([
  'device-queue-full',
  'throttled',
  'quota-exceeded',
  'hub-unavailable',
  'hub-outcome-unknown',
]);

export type HandOverOutcome = { readonly note: Note } & (
  | { readonly result: 'handedOver' | 'failed' }
  /** `waitMs`: how long all devices wait; undefined if only this one does. */
  | { readonly result: 'put-off'; readonly code: string; readonly waitMs: number | undefined }
);

/** Hands one message to the hub and says what to record. Never rejects. */
export async function handOver(
  dependencies: { sender: MessageSender; pace: HubPace; now: () => number; warn: Warn },
  waiting: { entry: BacklogEntry; stored: StoredMessage; inDoubt: boolean },
): Promise<HandOverOutcome> {
  const { sender, pace, now, warn } = dependencies;
  const notNoted = (error: unknown) => warn('dispatch.pace-not-noted', error);
  const { entry, stored, inDoubt } = waiting;
  if (!entry.body) return refused(waiting, LOST_BODY, now);
  // Clocks differ between the one who accepts and the one who hands over.
  const at = Math.max(now(), entry.acceptedAt);
  try {
    await sender.send(outgoing(stored.message, entry.body));
  } catch (thrown) {
    const error = thrown instanceof DownlinkError ? thrown : unexpected(thrown);
    if (!FOR_NOW.has(error.code)) return refused(waiting, error, now);
    const doubtful = inDoubt || error.code === 'hub-outcome-unknown';
    const note = deferralNote(stored, { at: now(), code: error.code, inDoubt: doubtful });
    const { code } = error;
    if (code === 'device-queue-full') {
      await pace.noteFullQueue().catch(notNoted);
      return { note, result: 'put-off', code, waitMs: undefined };
    }
    const waitMs = await pace.pause(code, error.retryAfterSeconds).catch(notNoted);
    return { note, result: 'put-off', code, waitMs: waitMs ?? undefined };
  }
  await pace.succeeded().catch(notNoted);
  // The time at which the hand-over began: what the device does with the message comes after it, never before.
  const change = (message: Message) => {
    const next = withFact(message, { status: 'enqueued', at }, now());
    return next && inDoubt ? { ...next, attempt: next.attempt + 1 } : next;
  };
  return { note: { stored, change, isFact: true }, result: 'handedOver' };
}

export function deferralNote(
  stored: StoredMessage,
  deferral: { at: number; code: string; inDoubt: boolean },
): Note {
  const change = (message: Message) => withDeferral(message, deferral, deferral.at);
  return { stored, change, isFact: deferral.inDoubt };
}

const LOST_BODY = {
  code: 'internal',
  detail: 'What was stored of the body cannot be read. Send the message again.',
};

function refused(
  { stored, inDoubt }: { stored: StoredMessage; inDoubt: boolean },
  { code, detail }: { code: string; detail: string },
  now: () => number,
): HandOverOutcome {
  const at = now();
  const change = (message: Message) => withFailure(message, { code, detail }, inDoubt, at);
  return { note: { stored, change, isFact: true }, result: 'failed' };
}

function unexpected(cause: unknown): DownlinkError {
  return new DownlinkError('hub-outcome-unknown', 'The hand-over failed in an unknown way.', {
    cause,
  });
}

function outgoing(message: Message, body: Uint8Array): OutgoingMessage {
  const { deviceId, messageId, correlationId, contentType, contentEncoding, traceParent } = message;
  return {
    deviceId,
    messageId,
    body,
    properties: message.properties,
    ack: message.ack,
    expiresAt: message.expiresAt,
    ...(correlationId !== undefined && { correlationId }),
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(traceParent !== undefined && { traceParent }),
  };
}
