import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileScheduleMonitor } from '../../../../simulator/host/timers/schedule-monitor.ts';
import type { ScheduleMonitor } from '../../../../simulator/host/timers/schedule-monitor.ts';
import { parseSchedule } from '../../../../simulator/host/timers/schedule.ts';
import { TimerListener } from '../../../../simulator/host/timers/timer-listener.ts';
import type { TimerRun } from '../../../../simulator/host/timers/timer-listener.ts';

const START = Date.parse('2026-11-21T00:00:30Z');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'downlink-timers-'));
  // Files are written in real time.
  jest.useFakeTimers({ now: START, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
});

afterEach(async () => {
  jest.useRealTimers();
  await rm(folder, { recursive: true });
});

interface Timer {
  listener: TimerListener;
  /** Seconds after the start at which each run began, and what it was told. */
  runs: [number, TimerRun][];
}

function timer(
  schedule: string,
  options: {
    runsOnStartup?: boolean;
    useMonitor?: boolean;
    monitor?: ScheduleMonitor;
    work?: () => Promise<void>;
  } = {},
): Timer {
  const runs: Timer['runs'] = [];
  const listener = new TimerListener({
    functionName: 'tick',
    trigger: {
      type: 'timer',
      bindingName: 'timer',
      schedule: parseSchedule(schedule),
      runsOnStartup: options.runsOnStartup ?? false,
      useMonitor: options.useMonitor,
    },
    monitor: options.monitor,
    run: async (run) => {
      runs.push([(Date.now() - START) / 1_000, run]);
      await options.work?.();
    },
    log: {
      write: (_, __, message) => {
        throw new Error(message);
      },
    },
  });
  return { listener, runs };
}

function times({ runs }: Timer): number[] {
  return runs.map(([seconds]) => seconds);
}

describe('a timer', () => {
  test('runs by its schedule, and not once it is stopped', async () => {
    const minutely = timer('0 * * * * *');
    await minutely.listener.start();

    await jest.advanceTimersByTimeAsync(3 * MINUTE_MS);
    await minutely.listener.stop();
    await jest.advanceTimersByTimeAsync(3 * MINUTE_MS);

    expect(times(minutely)).toEqual([30, 90, 150]);
  });

  test('never overlaps: what comes due during a run follows it, once', async () => {
    let finish = (): void => undefined;
    const slow = timer('0 * * * * *', {
      work: async () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    });
    await slow.listener.start();

    await jest.advanceTimersByTimeAsync(5 * MINUTE_MS);
    expect(times(slow)).toEqual([30]);
    finish();
    await jest.advanceTimersByTimeAsync(0);
    expect(times(slow)).toEqual([30, 300]);
    finish();
    await jest.advanceTimersByTimeAsync(MINUTE_MS);

    expect(times(slow)).toEqual([30, 300, 330]);
    finish();
    await slow.listener.stop();
  });

  test('that is run by hand waits for the run by schedule', async () => {
    let finish = (): void => undefined;
    const slow = timer('0 * * * * *', {
      work: async () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    });
    await slow.listener.start();
    await jest.advanceTimersByTimeAsync(31_000);

    const byHand = slow.listener.runManually();
    await jest.advanceTimersByTimeAsync(0);
    expect(times(slow)).toEqual([30]);
    finish();
    await jest.advanceTimersByTimeAsync(0);
    expect(times(slow)).toEqual([30, 31]);
    finish();
    await byHand;
    await slow.listener.stop();
  });

  test('waits longer than setTimeout can', async () => {
    const yearly = timer('0 0 0 1 1 *');
    await yearly.listener.start();

    await jest.advanceTimersByTimeAsync(45 * DAY_MS);

    expect(times(yearly)).toEqual([(Date.parse('2027-01-01T00:00:00Z') - START) / 1_000]);
    await yearly.listener.stop();
  });

  test('runs on startup if it is told to', async () => {
    const eager = timer('0 * * * * *', { runsOnStartup: true });
    await eager.listener.start();

    await jest.advanceTimersByTimeAsync(MINUTE_MS);

    expect(times(eager)).toEqual([0, 30]);
    expect(eager.runs[0]?.[1].isPastDue).toBe(false);
    await eager.listener.stop();
  });

  test('is told when it ran last and runs next', async () => {
    const minutely = timer('0 * * * * *');
    await minutely.listener.start();

    await jest.advanceTimersByTimeAsync(2 * MINUTE_MS);

    expect(minutely.runs.map(([, run]) => run)).toEqual([
      {
        isPastDue: false,
        status: { next: new Date('2026-11-21T00:01:00Z'), lastUpdated: new Date(START) },
      },
      {
        isPastDue: false,
        status: {
          last: new Date('2026-11-21T00:01:00Z'),
          next: new Date('2026-11-21T00:02:00Z'),
          lastUpdated: new Date('2026-11-21T00:01:00Z'),
        },
      },
    ]);
    await minutely.listener.stop();
  });
});

describe('a timer that is monitored', () => {
  const monitor = () => fileScheduleMonitor(folder, 'tick');

  /** As a host that ran, ended, and was started again a while later. */
  async function runThenStartAgain(
    first: string,
    second: string,
    options: { useMonitor?: boolean } = {},
  ): Promise<Timer> {
    const before = timer(first, { monitor: monitor(), ...options });
    await before.listener.start();
    await jest.advanceTimersByTimeAsync(MINUTE_MS);
    await before.listener.stop();
    jest.setSystemTime(Date.now() + 10 * MINUTE_MS);
    const after = timer(second, { monitor: monitor(), ...options });
    await after.listener.start();
    await jest.advanceTimersByTimeAsync(0);
    await after.listener.stop();
    return after;
  }

  test('makes up, once, for what it missed while nothing ran', async () => {
    const late = await runThenStartAgain('0 * * * * *', '0 * * * * *');

    expect(late.runs).toMatchObject([[660, { isPastDue: true }]]);
  });

  test('missed nothing when it was not due yet', async () => {
    const early = await runThenStartAgain('0 0 * * * *', '0 0 * * * *');

    expect(early.runs).toEqual([]);
  });

  test('missed nothing of a schedule that is new', async () => {
    const changed = await runThenStartAgain('0 * * * * *', '15 * * * * *');

    expect(changed.runs).toEqual([]);
  });

  test.each([
    ['is not when it does not want to be', '0 * * * * *', { useMonitor: false }],
    ['is not when it runs more often than each minute', '*/30 * * * * *', {}],
  ])('%s', async (_, schedule, options) => {
    const free = await runThenStartAgain(schedule, schedule, options);

    expect(free.runs).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  test('starts anew after a file that was cut short', async () => {
    await runThenStartAgain('0 * * * * *', '0 * * * * *');
    await writeFile(path.join(folder, 'timers/tick.json'), '{"next":"2026-');

    expect(await monitor().read()).toBeUndefined();
  });
});
