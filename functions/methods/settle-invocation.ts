import type { Invocation } from './invocation.ts';
import {
  isAbandoned,
  outcomeOfError,
  withCrash,
  withNewAttempt,
  withOutcome,
} from './invocation-lifecycle.ts';
import type { InvocationKey, InvocationStore, StoredInvocation } from './invocation-store.ts';

export interface InvocationQueue {
  /** Has the invocation run by a queue function. Rejects with `storage-unavailable`. */
  enqueue(key: InvocationKey, delayMs: number): Promise<void>;
}

export interface SettleDependencies {
  readonly store: Pick<InvocationStore, 'change'>;
  readonly queue: InvocationQueue;
  /** Whether the message that stands for the invocation was stored. */
  readonly hasFallbackMessage: (key: InvocationKey) => Promise<boolean>;
  readonly newOwner: () => string;
  readonly now: () => number;
}

/**
 * What a call comes to that was begun and has no end: what its fallback tells of it, another call if that does no harm
 * and is known with what, else `unknown`.
 */
export async function settleIfAbandoned(
  { store, queue, hasFallbackMessage, newOwner, now }: SettleDependencies,
  stored: StoredInvocation,
): Promise<Invocation> {
  if (!isAbandoned(stored.invocation, now())) return stored.invocation;
  // The message is sent only once the hub has said that the device is not online.
  const fellBack =
    stored.invocation.fallback !== undefined && (await hasFallbackMessage(stored.invocation));
  const owner = newOwner();
  const { invocation } = await store.change(stored, (current) => {
    if (!isAbandoned(current, now())) return undefined;
    if (fellBack) {
      const outcome = outcomeOfError(NOT_ONLINE, current.invocationId);
      return withOutcome(current, current.owner, outcome, now());
    }
    return queuedAnew(current, owner, now()) ?? withCrash(current, now());
  });
  if (invocation.owner === owner) {
    const { deviceId, invocationId } = invocation;
    await queue.enqueue({ deviceId, invocationId }, 0);
  }
  return invocation;
}

function queuedAnew(invocation: Invocation, owner: string, now: number): Invocation | undefined {
  const { idempotent, request } = invocation;
  if (!idempotent || !request) return undefined;
  const claim = { status: 'accepted', owner, request, queued: { at: now, times: 1 } } as const;
  return withNewAttempt(invocation, claim, now);
}

const NOT_ONLINE = {
  code: 'device-not-online',
  detail: 'The device was not online; the call went to it as a message.',
};
