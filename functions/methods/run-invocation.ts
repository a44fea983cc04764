import type { Warn } from '../messages/send-message.ts';
import { callDevice, recordOutcome } from './call-device.ts';
import type { CallDependencies } from './call-device.ts';
import type { Invocation } from './invocation.ts';
import { withCall, withCallDeferred } from './invocation-lifecycle.ts';
import type { InvocationKey, InvocationStore } from './invocation-store.ts';
import { settleIfAbandoned } from './settle-invocation.ts';
import type { SettleDependencies } from './settle-invocation.ts';

/** Refusals that pass: the hub did nothing. Tried again for this long after the call was accepted. */
const PASSING: ReadonlySet<string> = new Set(['throttled', 'hub-unavailable', 'in-flight-limit']);
const TRY_AGAIN_FOR_MS = 2 * 60_000;
const TRY_AGAIN_AFTER_MS = 5_000;

/** Between tries to record an answer. */
const RECORD_AGAIN_AFTER_MS = 2_000;

export interface RunDependencies extends CallDependencies, SettleDependencies {
  readonly store: Pick<InvocationStore, 'find' | 'change'>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly warn: Warn;
}

/**
 * Calls the device for an accepted invocation; `idle` if there is nothing to call: a queue delivers its messages
 * more than once. One conditional write decides who calls. Rejects with `storage-unavailable` before the call only,
 * so that the queue's next delivery does no harm.
 */
export async function runInvocation(
  dependencies: RunDependencies,
  key: InvocationKey,
): Promise<'idle' | 'deferred' | Invocation['status']> {
  const { store, queue, now, newOwner } = dependencies;
  const stored = await store.find(key);
  if (!stored) return 'idle';
  const owner = newOwner();
  const { changed: _changed, ...claimed } = await store.change(stored, (invocation) =>
    invocation.status === 'accepted' ? withCall(invocation, owner, now()) : undefined,
  );
  const { invocation } = claimed;
  if (invocation.owner !== owner) {
    await settleIfAbandoned(dependencies, claimed);
    return 'idle';
  }

  const { outcome, error } = await callDevice(
    dependencies,
    invocation,
    invocation.request?.payload,
  );
  const passing = error !== undefined && PASSING.has(error.code) && outcome.status === 'failed';
  if (passing && now() - invocation.createdAt < TRY_AGAIN_FOR_MS) {
    const { changed } = await store.change(claimed, (current) =>
      withCallDeferred(current, owner, error, now()),
    );
    const delayMs = (error.retryAfterSeconds ?? 0) * 1000 || TRY_AGAIN_AFTER_MS;
    if (changed) await queue.enqueue(key, delayMs);
    return 'deferred';
  }
  // As long as the answer is still taken; then the call is taken for abandoned.
  const until = invocation.callUntil ?? 0;
  await recordOutcome(dependencies, claimed, outcome, {
    until,
    againAfterMs: RECORD_AGAIN_AFTER_MS,
  });
  return outcome.status;
}
