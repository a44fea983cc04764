import { DownlinkError } from '../errors.ts';
import type { Warn } from '../messages/send-message.ts';
import type { Invocation } from './invocation.ts';
import { callUntil, outcomeOfError, withOutcome } from './invocation-lifecycle.ts';
import type { CallOutcome } from './invocation-lifecycle.ts';
import type { InvocationStore, StoredInvocation } from './invocation-store.ts';
import type { MethodInvoker } from './method.ts';

/** A call that could end after others take it for abandoned is not begun. */
const SLOWEST_CLAIM_MS = 10_000;

/** Has a message of the invocation's id go to the device, which is safe to repeat, and gives that id once it is stored. */
export type SendFallback = (
  invocation: Invocation,
  payload: unknown,
  ttlSeconds: number,
) => Promise<string>;

export interface CallDependencies {
  readonly store: Pick<InvocationStore, 'change'>;
  readonly invoker: MethodInvoker;
  readonly sendFallback: SendFallback;
  readonly now: () => number;
}

export interface Called {
  readonly outcome: CallOutcome;
  /** What the call, or the message in its place, was refused with. */
  readonly error?: DownlinkError;
}

/** Calls the device once for an invocation that is `calling`. Never rejects for what the hub or the device did. */
export async function callDevice(
  { invoker, sendFallback, now }: CallDependencies,
  invocation: Invocation,
  payload: unknown,
): Promise<Called> {
  const { deviceId, methodName, responseTimeoutSeconds, connectTimeoutSeconds } = invocation;
  const startedAt = now();
  try {
    const late = callUntil(invocation, startedAt) - (invocation.callUntil ?? 0);
    if (late > SLOWEST_CLAIM_MS) throw storedTooSlowly();
    const { status, payload: answer } = await invoker.invoke({
      deviceId,
      methodName,
      payload,
      responseTimeoutSeconds,
      connectTimeoutSeconds,
    });
    const result = { status, payload: answer, durationMs: now() - startedAt };
    return { outcome: { status: 'completed', result } };
  } catch (cause) {
    const error = known(cause);
    const { fallback } = invocation;
    if (error.code !== 'device-not-online' || !fallback) return refusedBy(error);
    return sendFallback(invocation, payload, fallback.messageTtlSeconds).then(
      (messageId) => ({ outcome: outcomeOfError(error, messageId) }),
      (notSent: unknown) => refusedBy(known(notSent)),
    );
  }
}

function refusedBy(error: DownlinkError): Called {
  return { outcome: outcomeOfError(error), error };
}

/** Tries again until `until`: it is all that is left of the call. Undefined if the storage stayed away. */
export async function recordOutcome(
  dependencies: Pick<CallDependencies, 'store' | 'now'> & {
    readonly sleep: (ms: number) => Promise<void>;
    readonly warn: Warn;
  },
  claimed: StoredInvocation,
  outcome: CallOutcome,
  { until, againAfterMs }: { until: number; againAfterMs: number },
): Promise<Invocation | undefined> {
  const { store, now, sleep, warn } = dependencies;
  const { owner } = claimed.invocation;
  for (;;) {
    try {
      const { invocation } = await store.change(claimed, (current) =>
        withOutcome(current, owner, outcome, now()),
      );
      return invocation;
    } catch (error) {
      warn('invocation.outcome-not-recorded', error);
      if (now() + againAfterMs > until) return undefined;
      await sleep(againAfterMs);
    }
  }
}

function known(error: unknown): DownlinkError {
  if (error instanceof DownlinkError) return error;
  return new DownlinkError(
    'internal',
    'Something went wrong here during the call. The method may have run.',
    { cause: error },
  );
}

function storedTooSlowly(): DownlinkError {
  return new DownlinkError(
    'storage-unavailable',
    'The storage took so long that the method was not called any more; call it again.',
  );
}
