import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { RetryContext } from './core-module/core-types.ts';
import { describeError, isError } from './host-error.ts';

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies */
export interface RetryPolicy {
  /** -1: without end. */
  readonly maxRetryCount: number;
  /** Before the retry of this number; the first is 1. */
  delayMs(retryCount: number): number;
}

const seconds = z.object({ seconds: z.coerce.number() }).transform((span) => span.seconds * 1_000);
const maxRetryCount = z.int().min(-1);
const schema = z.discriminatedUnion('retryStrategy', [
  z.object({ retryStrategy: z.literal('fixedDelay'), maxRetryCount, delayInterval: seconds }),
  z.object({
    retryStrategy: z.literal('exponentialBackoff'),
    maxRetryCount,
    minimumInterval: seconds,
    maximumInterval: seconds,
  }),
]);

const LONGEST_EXPONENT = 30;

export function readRetryPolicy(retryOptions: unknown): RetryPolicy | undefined {
  if (retryOptions === undefined || retryOptions === null) return undefined;
  const options = schema.parse(retryOptions);
  return {
    maxRetryCount: options.maxRetryCount,
    delayMs: (retryCount) =>
      options.retryStrategy === 'fixedDelay'
        ? options.delayInterval
        : Math.min(
            options.minimumInterval * 2 ** Math.min(retryCount - 1, LONGEST_EXPONENT),
            options.maximumInterval,
          ),
  };
}

/** Whether it succeeded in the end. It is given up as well when the signal is aborted. */
export async function runWithRetries(
  policy: RetryPolicy | undefined,
  run: (retryContext: RetryContext | undefined) => Promise<unknown>,
  signal: AbortSignal,
): Promise<boolean> {
  const most = policy?.maxRetryCount ?? 0;
  let exception: RetryContext['exception'];
  for (let retryCount = 0; ; retryCount++) {
    try {
      await run(policy && { retryCount, maxRetryCount: most, ...(exception && { exception }) });
      return true;
    } catch (error) {
      exception = { message: describeError(error), ...(isError(error) && { type: error.name }) };
    }
    if (policy === undefined || (most >= 0 && retryCount >= most)) return false;
    await sleep(policy.delayMs(retryCount + 1), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return false;
  }
}
