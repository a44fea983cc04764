import type { Invocation } from './invocation.ts';
import { invocationDueAt } from './invocation-lifecycle.ts';
import type { InvocationKey, InvocationStore } from './invocation-store.ts';
import { settleIfAbandoned } from './settle-invocation.ts';
import type { SettleDependencies } from './settle-invocation.ts';

/** Invocations of one partition looked at in one go. */
const AT_ONCE = 100;

export interface SweptInvocations {
  readonly enqueuedAgain: number;
  readonly unknown: number;
}

/**
 * Puts accepted invocations into the queue again whose queue message must have got lost, and settles calls whose
 * caller has stopped.
 */
export async function sweepInvocations(
  dependencies: SettleDependencies & {
    store: Pick<InvocationStore, 'find' | 'change' | 'findDue'>;
  },
): Promise<SweptInvocations> {
  const { store, queue, now } = dependencies;

  async function sweep({ deviceId, invocationId }: InvocationKey): Promise<Invocation['status']> {
    const stored = await store.find({ deviceId, invocationId });
    if (!stored) return 'failed';
    const { changed, ...swept } = await store.change(stored, (invocation) =>
      queuedAgain(invocation, now()),
    );
    if (!changed) return (await settleIfAbandoned(dependencies, swept)).status;
    await queue.enqueue({ deviceId, invocationId }, 0);
    return 'accepted';
  }

  const statuses: Invocation['status'][] = [];
  for (const key of await store.findDue(now(), AT_ONCE)) statuses.push(await sweep(key));
  return {
    enqueuedAgain: statuses.filter((status) => status === 'accepted').length,
    unknown: statuses.filter((status) => status === 'unknown').length,
  };
}

function queuedAgain(invocation: Invocation, now: number): Invocation | undefined {
  const { status, queued } = invocation;
  if (status !== 'accepted' || (invocationDueAt(invocation) ?? 0) > now) return undefined;
  return { ...invocation, queued: { at: now, times: (queued?.times ?? 0) + 1 } };
}
