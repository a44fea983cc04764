import { describe, expect, test } from '@jest/globals';
import { parseSchedule } from '../../../../simulator/host/timers/schedule.ts';

/** The next occurrences, seconds being enough. */
function occurrences(schedule: string, after: string, count: number): string[] {
  const parsed = parseSchedule(schedule);
  const times: string[] = [];
  let time: Date | undefined = new Date(`${after}Z`);
  while (times.length < count) {
    time = parsed.next(time);
    if (time === undefined) break;
    times.push(time.toISOString().slice(0, 19));
  }
  return times;
}

describe('a schedule', () => {
  // 2026-11-21 is a Saturday.
  test.each<[schedule: string, after: string, expected: string[]]>([
    ['0 */5 * * * *', '2026-11-21T00:03:10', ['2026-11-21T00:05:00', '2026-11-21T00:10:00']],
    ['0 */5 * * * *', '2026-11-21T00:05:00', ['2026-11-21T00:10:00']],
    ['0 30 3 * * *', '2026-11-21T03:30:00', ['2026-11-22T03:30:00']],
    ['*/20 * * * * *', '2026-11-21T00:00:01', ['2026-11-21T00:00:20', '2026-11-21T00:00:40']],
    ['30/20 0 0 * * *', '2026-11-21T00:00:00', ['2026-11-21T00:00:30', '2026-11-21T00:00:50']],
    ['0 0 9 13 * 5', '2026-11-21T00:00:00', ['2027-08-13T09:00:00']],
    ['0 0 9 * * MON-wednesday', '2026-11-21T00:00:00', ['2026-11-23T09:00:00']],
    ['0 0 9 * * 5-3', '2026-11-21T00:00:00', ['2026-11-25T09:00:00', '2026-11-26T09:00:00']],
    ['0 0 0 29 feb *', '2026-11-21T00:00:00', ['2028-02-29T00:00:00']],
    ['0 0 2 28-29 3 *', '2026-03-01T00:00:00', ['2026-03-28T02:00:00', '2026-03-29T02:00:00']],
    ['0 0 0 1,15 1-12/6 *', '2026-11-21T00:00:00', ['2027-01-01T00:00:00', '2027-01-15T00:00:00']],
    ['00:00:30', '2026-11-21T00:00:07', ['2026-11-21T00:00:37', '2026-11-21T00:01:07']],
    ['1.00:00', '2026-11-21T00:00:07', ['2026-11-22T00:00:07']],
  ])('of %j after %s comes next at', (schedule, after, expected) => {
    expect(occurrences(schedule, after, expected.length)).toEqual(expected);
  });

  test.each([
    ['*/5 * * * *', 'needs six fields'],
    ['0 0 0 1 1 * 2027', 'needs six fields'],
    ['@daily', 'needs six fields'],
    ['0 0 0 L * *', '"L" cannot be the day of a schedule'],
    ['0 0 0 * * 7', '"7" cannot be the day of week of a schedule, which goes from 0 to 6'],
    ['0 0 0 * * 5#2', '"5#2" cannot be the day of week'],
    ['0 0 0 ? * *', '"?" cannot be the day'],
    ['60 0 0 * * *', '"60" cannot be the second'],
    ['0 0 0 0 * *', '"0" cannot be the day'],
    ['0 */0 * * * *', 'steps by nothing'],
    ['0 0 0 30 2 *', 'never comes'],
    ['24:00:00', 'is not a time span'],
    ['00:00:00', 'is not a time span'],
  ])('of %j is refused', (schedule, reason) => {
    expect(() => parseSchedule(schedule)).toThrow(reason);
  });
});
