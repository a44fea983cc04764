import { createHash } from 'node:crypto';
import { DownlinkError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../messages/message.ts';
import type { Warn } from '../messages/send-message.ts';
import { sizeInBytes } from '../messages/message-size.ts';
import { callDevice, recordOutcome } from './call-device.ts';
import type { CallDependencies } from './call-device.ts';
import { fallbackRequest } from './fallback.ts';
import type { Invocation, InvokeRequest } from './invocation.ts';
import { callUntil, mayCallAgain, withNewAttempt, withOutcome } from './invocation-lifecycle.ts';
import type { InvocationStore, StoredInvocation } from './invocation-store.ts';
import { MAX_METHOD_PAYLOAD_BYTES } from './method.ts';
import { waitForInvocation } from './wait-for-invocation.ts';
import type { SettleDependencies } from './settle-invocation.ts';

/** How long the caller waits for his answer to be recorded as well: else the record would only know that it called. */
const RECORD_FOR_MS = 5_000;
const RECORD_AGAIN_AFTER_MS = 500;

export interface InvokeDependencies extends CallDependencies, SettleDependencies {
  readonly store: Pick<InvocationStore, 'insert' | 'find' | 'change'>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly warn: Warn;
}

export interface Invoked {
  readonly invocation: Invocation;
  /** True when the request repeated an earlier one and nothing was called for it. */
  readonly replayed: boolean;
  /** What the call was answered with, if not by the device; in words that only the first caller gets. */
  readonly error?: DownlinkError;
}

/**
 * Calls a method, or with `respondAsync` stores the call for a queue function. Either way it is recorded before
 * anything is called: a crash in between leaves an invocation that is known, never one that ran and was forgotten.
 *
 * Rejects with `idempotency-conflict`, `payload-too-large`, `message-too-large` (of the fallback) and
 * `storage-unavailable`; nothing was called then. What the hub or the device said is told by the invocation.
 */
export async function invokeMethod(
  dependencies: InvokeDependencies,
  request: InvokeRequest,
  { respondAsync }: { respondAsync: boolean },
): Promise<Invoked> {
  const { store, now, newOwner } = dependencies;
  checkSizes(request);
  const startedAt = now();
  const owner = newOwner();
  const claim = respondAsync
    ? {
        status: 'accepted' as const,
        owner,
        request: { payload: request.payload },
        queued: { at: startedAt, times: 1 },
      }
    : { status: 'calling' as const, owner, callUntil: callUntil(request, startedAt) };
  const fresh = newInvocation(request, claim, startedAt);

  const { inserted, ...stored } = await store.insert(fresh);
  const claimed = inserted ? stored : await claimRepeat(store, stored, fresh, claim, startedAt);
  if (!claimed) return replay(dependencies, stored, { respondAsync });
  return respondAsync
    ? enqueue(dependencies, claimed)
    : call(dependencies, claimed, request.payload);
}

async function enqueue(
  { queue, warn }: InvokeDependencies,
  { invocation }: StoredInvocation,
): Promise<Invoked> {
  const { deviceId, invocationId } = invocation;
  await queue
    .enqueue({ deviceId, invocationId }, 0)
    // It is stored: the sweep puts it into the queue again.
    .catch((error: unknown) => warn('invocation.not-enqueued', error));
  return { invocation, replayed: false };
}

async function call(
  dependencies: InvokeDependencies,
  claimed: StoredInvocation,
  payload: unknown,
): Promise<Invoked> {
  const { now } = dependencies;
  const { outcome, error } = await callDevice(dependencies, claimed.invocation, payload);
  const recorded = await recordOutcome(dependencies, claimed, outcome, {
    until: now() + RECORD_FOR_MS,
    againAfterMs: RECORD_AGAIN_AFTER_MS,
  });
  // The device has answered: saying anything else would make the caller call it twice.
  const { owner } = claimed.invocation;
  const invocation =
    recorded ?? withOutcome(claimed.invocation, owner, outcome, now()) ?? claimed.invocation;
  return { invocation, replayed: false, ...(error && { error }) };
}

/** The one conditional write that makes a repeat a new try; undefined if the repeat is a replay. */
async function claimRepeat(
  store: Pick<InvocationStore, 'change'>,
  stored: StoredInvocation,
  fresh: Invocation,
  claim: Pick<Invocation, 'status' | 'owner'>,
  startedAt: number,
): Promise<StoredInvocation | undefined> {
  checkSameContent(stored.invocation, fresh);
  const { changed: _changed, ...result } = await store.change(stored, (invocation) =>
    mayCallAgain(invocation, startedAt) ? withNewAttempt(invocation, claim, startedAt) : undefined,
  );
  return result.invocation.owner === fresh.owner ? result : undefined;
}

/** A repeat that waits for its answer gets the one of the first as soon as it is there. */
async function replay(
  dependencies: InvokeDependencies,
  { invocation }: StoredInvocation,
  { respondAsync }: { respondAsync: boolean },
): Promise<Invoked> {
  const { responseTimeoutSeconds, connectTimeoutSeconds } = invocation;
  const waitMs = respondAsync ? 0 : (responseTimeoutSeconds + connectTimeoutSeconds) * 1000;
  const found = await waitForInvocation(dependencies, invocation, waitMs);
  return { invocation: found ?? invocation, replayed: true };
}

function newInvocation(
  { payload, ...told }: InvokeRequest,
  claim: Pick<Invocation, 'status' | 'owner'>,
  now: number,
): Invocation {
  return {
    ...told,
    ...claim,
    createdAt: now,
    updatedAt: now,
    attempt: 1,
    history: [{ status: claim.status, at: now }],
    contentHash: contentHash({ payload, ...told }),
  };
}

function checkSameContent(earlier: Invocation, fresh: Invocation): void {
  if (earlier.contentHash === fresh.contentHash) return;
  throw new DownlinkError(
    'idempotency-conflict',
    'The Idempotency-Key is taken on this device by a call of other content. ' +
      'Repeat with the same content to get its state, or call with another key.',
  );
}

function checkSizes(request: InvokeRequest): void {
  const bytes = new TextEncoder().encode(JSON.stringify(request.payload)).length;
  if (bytes > MAX_METHOD_PAYLOAD_BYTES) {
    throw new DownlinkError(
      'payload-too-large',
      `The payload has ${bytes} bytes as JSON; a method takes at most ${MAX_METHOD_PAYLOAD_BYTES}.`,
    );
  }
  if (!request.fallback) return;
  const messageBytes = sizeInBytes(fallbackRequest(request, request.payload, 1));
  if (messageBytes <= MAX_MESSAGE_BYTES) return;
  throw new DownlinkError(
    'message-too-large',
    `As a message, which is what fallback asks for, the call has ${messageBytes} bytes; IoT Hub takes at most ${MAX_MESSAGE_BYTES}. ` +
      'Send less, or leave fallback out.',
  );
}

function contentHash({ traceParent: _trace, ...content }: InvokeRequest): string {
  // A repeat comes in a trace of its own.
  const byName = Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(byName)).digest('base64url');
}
