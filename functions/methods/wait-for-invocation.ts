import type { Invocation } from './invocation.ts';
import { isFinalInvocation } from './invocation-lifecycle.ts';
import type { InvocationKey, InvocationStore } from './invocation-store.ts';
import { settleIfAbandoned } from './settle-invocation.ts';
import type { SettleDependencies } from './settle-invocation.ts';

/** One storage read a second at the most, however many seconds are waited. */
const READ_EVERY_MS = 1000;

/** The invocation as soon as it is final, or as it is when the wait is over; undefined if it is not known. */
export async function waitForInvocation(
  dependencies: SettleDependencies & {
    store: Pick<InvocationStore, 'find'>;
    sleep: (ms: number) => Promise<void>;
  },
  key: InvocationKey,
  waitMs: number,
): Promise<Invocation | undefined> {
  const { store, now, sleep } = dependencies;
  const deadline = now() + waitMs;
  for (;;) {
    const stored = await store.find(key);
    const invocation = stored && (await settleIfAbandoned(dependencies, stored));
    const remainingMs = deadline - now();
    if (!invocation || isFinalInvocation(invocation) || remainingMs <= 0) return invocation;
    await sleep(Math.min(READ_EVERY_MS, remainingMs));
  }
}
