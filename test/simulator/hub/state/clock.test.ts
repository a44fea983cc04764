import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { ManualClock, systemClock } from '../../../../simulator/hub/state/clock.ts';

describe('ManualClock', () => {
  test('runs what falls due in order of time, each at its own time', () => {
    const clock = new ManualClock(1000);
    const runs: [string, number][] = [];
    clock.schedule(1300, () => runs.push(['third', clock.now()]));
    clock.schedule(1100, () => runs.push(['first', clock.now()]));
    clock.schedule(1100, () => runs.push(['second', clock.now()]));
    clock.schedule(1301, () => runs.push(['too late', clock.now()]));

    clock.advance(300);

    expect(runs).toEqual([
      ['first', 1100],
      ['second', 1100],
      ['third', 1300],
    ]);
    expect(clock.now()).toBe(1300);
  });

  test('runs what a timer schedules within the same advance', () => {
    const clock = new ManualClock(0);
    const runs: number[] = [];
    const again = (): void => {
      runs.push(clock.now());
      clock.schedule(clock.now() + 10, again);
    };
    clock.schedule(10, again);

    clock.advance(35);

    expect(runs).toEqual([10, 20, 30]);
  });

  test('does not run what was cancelled, even by a timer of the same time', () => {
    const clock = new ManualClock(0);
    const runs: string[] = [];
    clock.schedule(10, () => cancel());
    const cancel = clock.schedule(10, () => runs.push('cancelled'));

    clock.advance(10);

    expect(runs).toEqual([]);
  });

  test('gives a timer that is overdue the present time', () => {
    const clock = new ManualClock(1000);
    const runs: number[] = [];
    clock.schedule(500, () => runs.push(clock.now()));

    expect(runs).toEqual([]);
    clock.advance(0);

    expect(runs).toEqual([1000]);
  });

  test('tells its timers where it is being moved to', () => {
    const clock = new ManualClock(1000);
    const runs: [now: number, movingTo: number][] = [];
    clock.schedule(1100, () => runs.push([clock.now(), clock.movingTo()]));

    expect(clock.movingTo()).toBe(1000);
    clock.advance(300);

    expect(runs).toEqual([[1100, 1300]]);
    expect(clock.movingTo()).toBe(1300);
  });

  test('is not being moved any more once a timer has failed', () => {
    const clock = new ManualClock(1000);
    clock.schedule(1100, () => {
      throw new Error('broken');
    });

    expect(() => clock.advance(300)).toThrow('broken');

    expect([clock.now(), clock.movingTo()]).toEqual([1100, 1100]);
  });
});

describe('systemClock', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test('is never being moved', () => {
    jest.useFakeTimers();
    const clock = systemClock();

    expect(clock.movingTo()).toBe(clock.now());
  });

  test('waits longer than a timer of Node can', () => {
    jest.useFakeTimers();
    const clock = systemClock();
    const start = clock.now();
    const runs: number[] = [];
    const delay = 5 * 2 ** 31;
    clock.schedule(start + delay, () => runs.push(clock.now() - start));

    jest.advanceTimersByTime(delay - 1);
    expect(runs).toEqual([]);
    jest.advanceTimersByTime(1);

    expect(runs).toEqual([delay]);
  });

  test('can be cancelled after its timer was set anew', () => {
    jest.useFakeTimers();
    const clock = systemClock();
    const runs: string[] = [];
    const cancel = clock.schedule(clock.now() + 2 * 2 ** 31, () => runs.push('cancelled'));

    jest.advanceTimersByTime(2 ** 31 + 1000);
    cancel();
    jest.advanceTimersByTime(2 ** 32);

    expect(runs).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('waits on when the machine clock was set back', () => {
    jest.useFakeTimers();
    const clock = systemClock();
    const start = Date.now();
    const runs: string[] = [];
    clock.schedule(start + 1000, () => runs.push('due'));

    jest.setSystemTime(start - 5000);
    jest.advanceTimersByTime(1000);
    expect(runs).toEqual([]);
    jest.advanceTimersByTime(5000);

    expect(runs).toEqual(['due']);
  });
});
