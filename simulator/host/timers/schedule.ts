import { Cron } from 'croner';
import { HostError } from '../host-error.ts';
import { parseTimeSpan } from '../settings/time-span.ts';
import { parseNcrontab } from './ncrontab.ts';

export interface Schedule {
  /** The first occurrence after a time; undefined when there is none left. */
  next(after: Date): Date | undefined;
}

/** An NCRONTAB expression or a time span. Times are in UTC, as in Azure. */
export function parseSchedule(text: string): Schedule {
  return text.includes(':') ? everyTimeSpan(text) : ncrontab(text);
}

function everyTimeSpan(text: string): Schedule {
  const intervalMs = parseTimeSpan(text);
  if (intervalMs === undefined || intervalMs === 0) {
    throw new HostError(`the schedule "${text}" is not a time span such as 00:05:00 or 1.00:00:00`);
  }
  return { next: (after) => new Date(after.getTime() + intervalMs) };
}

function ncrontab(expression: string): Schedule {
  // NCRONTAB wants both the day of the month and the day of the week to fit; croner, one of them.
  const cron = new Cron(parseNcrontab(expression), { timezone: 'UTC', domAndDow: true });
  if (cron.nextRun() === null) throw new HostError(`the schedule "${expression}" never comes`);
  return { next: (after) => cron.nextRun(after) ?? undefined };
}
