import { z } from 'zod';
import { HostError } from '../host-error.ts';
import { expandSettings } from '../settings/app-settings.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

export interface TimerTrigger {
  readonly type: 'timer';
  readonly bindingName: string;
  readonly schedule: Schedule;
  readonly runsOnStartup: boolean;
  /** undefined: if the host has a state folder. */
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
  { environment, hasStateFolder }: { environment: NodeJS.ProcessEnv; hasStateFolder: boolean },
): TimerTrigger {
  const { schedule, runOnStartup, useMonitor } = schema.parse(binding);
  if (useMonitor === true && !hasStateFolder) {
    throw new HostError('"useMonitor" needs --state-folder, where the schedule is kept');
  }
  return {
    type: 'timer',
    bindingName,
    schedule: parseSchedule(expandSettings(schedule, environment)),
    runsOnStartup: runOnStartup,
    useMonitor,
  };
}
