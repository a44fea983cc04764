import type { TimerHandler } from '@azure/functions';
import { logLine } from '../log-line.ts';
import type { SweptInvocations } from '../methods/sweep-invocations.ts';

/** The safety net below the queue: no invocation is forgotten, whatever became of its message or its caller. */
export function watchInvocationsHandler(sweep: () => Promise<SweptInvocations>): TimerHandler {
  return async (_timer, context) => {
    const swept = await sweep();
    if (swept.enqueuedAgain + swept.unknown > 0) {
      context.log(logLine('invocations.swept', { ...swept }));
    }
  };
}
