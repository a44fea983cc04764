import type { InvocationInput } from '../core-module/core-types.ts';
import type { TimerRun } from './timer-listener.ts';

// .NET's default of a time.
const NEVER = '0001-01-01T00:00:00+00:00';

/** What the real host hands to a timer function. */
export function timerInput(bindingName: string, { isPastDue, status }: TimerRun): InvocationInput {
  const timer = {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: status
      ? {
          Last: status.last?.toISOString() ?? NEVER,
          LastUpdated: status.lastUpdated.toISOString(),
          Next: status.next.toISOString(),
        }
      : null,
    IsPastDue: isPastDue,
  };
  return { inputData: [{ name: bindingName, data: { json: JSON.stringify(timer) } }] };
}
