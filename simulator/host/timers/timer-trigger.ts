import { z } from 'zod';
import { expandSettings } from '../settings/app-settings.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

export interface TimerTrigger {
  readonly type: 'timer';
  readonly bindingName: string;
  readonly schedule: Schedule;
  readonly runsOnStartup: boolean;
  /** undefined: wherever a state folder is. */
  readonly useMonitor: boolean | undefined;
}

const schema = z.object({
  schedule: z.string(),
  runOnStartup: z.boolean().default(false),
  useMonitor: z.boolean().optional(),
});

export function readTimerTrigger(
  bindingName: string,
  binding: unknown,
  environment: NodeJS.ProcessEnv,
): TimerTrigger {
  const { schedule, runOnStartup, useMonitor } = schema.parse(binding);
  return {
    type: 'timer',
    bindingName,
    schedule: parseSchedule(expandSettings(schedule, environment)),
    runsOnStartup: runOnStartup,
    useMonitor,
  };
}
