import type { InvocationFailure } from './invocation.ts';
import { withOutcome } from './invocation-lifecycle.ts';
import type { InvocationKey, InvocationStore } from './invocation-store.ts';

/** Ends an invocation whose queue message cannot be worked on: `failed` if nothing was called, else it stays as it is. */
export async function failInvocation(
  { store, now }: { store: Pick<InvocationStore, 'find' | 'change'>; now: () => number },
  key: InvocationKey,
  failure: InvocationFailure,
): Promise<void> {
  const stored = await store.find(key);
  if (!stored) return;
  await store.change(stored, (invocation) => {
    if (invocation.status !== 'accepted') return undefined;
    const asCalled = { ...invocation, status: 'calling' as const };
    return withOutcome(asCalled, invocation.owner, { status: 'failed', failure }, now());
  });
}
