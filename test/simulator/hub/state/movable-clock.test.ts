import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { MovableClock } from '../../../../simulator/hub/state/movable-clock.ts';

function aClock(): { base: ManualClock; clock: MovableClock; runs: [string, number][] } {
  const base = new ManualClock(1000);
  return { base, clock: new MovableClock(base), runs: [] };
}

describe('MovableClock', () => {
  test('runs what falls due in order of time when it is moved, each at its own time', () => {
    const { base, clock, runs } = aClock();
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
    expect([clock.now(), clock.offsetMs, base.now()]).toEqual([1300, 300, 1000]);
  });

  test('goes on with the clock below it, before and after a move', () => {
    const { base, clock, runs } = aClock();
    clock.schedule(1010, () => runs.push(['before', clock.now()]));
    clock.schedule(1600, () => runs.push(['after', clock.now()]));

    base.advance(10);
    clock.advance(500);
    base.advance(89);
    expect(runs).toEqual([['before', 1010]]);
    base.advance(1);

    expect(runs.at(-1)).toEqual(['after', 1600]);
  });

  test('keeps the time of a timer that was scheduled while it was moved', () => {
    const { base, clock, runs } = aClock();
    clock.schedule(1100, () => clock.schedule(1600, () => runs.push(['later', clock.now()])));

    clock.advance(500);
    base.advance(100);

    expect(runs).toEqual([['later', 1600]]);
  });

  test('keeps what is left of a move when a timer fails', () => {
    const { base, clock, runs } = aClock();
    clock.schedule(1100, () => {
      throw new Error('broken');
    });
    clock.schedule(1200, () => runs.push(['next', clock.now()]));

    expect(() => clock.advance(150)).toThrow('broken');
    expect(clock.now()).toBe(1150);
    base.advance(50);

    expect(runs).toEqual([['next', 1200]]);
  });

  test('does not run what was cancelled', () => {
    const { base, clock, runs } = aClock();
    const cancel = clock.schedule(1100, () => runs.push(['cancelled', clock.now()]));
    clock.schedule(1050, () => cancel());

    clock.advance(200);
    base.advance(200);

    expect(runs).toEqual([]);
  });

  test('can be set back, and then waits on', () => {
    const { base, clock, runs } = aClock();
    clock.advance(500);
    clock.schedule(1600, () => runs.push(['due', clock.now()]));

    clock.offsetMs = 0;
    base.advance(599);
    expect(runs).toEqual([]);
    base.advance(1);

    expect(runs).toEqual([['due', 1600]]);
  });

  test.each<[string, (clocks: { base: ManualClock; clock: MovableClock }) => void]>([
    ['it', ({ clock }) => clock.advance(300)],
    ['the clock below it', ({ base }) => base.advance(300)],
  ])('tells where it is being moved to, when %s is', (_, move) => {
    const { base, clock } = aClock();
    clock.advance(200);
    const runs: [now: number, movingTo: number][] = [];
    clock.schedule(1300, () => runs.push([clock.now(), clock.movingTo()]));

    expect(clock.movingTo()).toBe(1200);
    move({ base, clock });

    expect(runs).toEqual([[1300, 1500]]);
    expect(clock.movingTo()).toBe(1500);
  });

  test('tells the end of the whole move while a timer moves it, a little or further', () => {
    const { clock, runs } = aClock();
    clock.schedule(1100, () => clock.advance(10));
    clock.schedule(1110, () => runs.push(['a little', clock.movingTo()]));
    clock.schedule(1200, () => clock.advance(500));
    clock.schedule(1250, () => runs.push(['further', clock.movingTo()]));

    clock.advance(300);

    expect(runs).toEqual([
      ['a little', 1300],
      ['further', 1700],
    ]);
    expect([clock.now(), clock.movingTo()]).toEqual([1700, 1700]);
  });

  test('is not being moved any more once a timer has failed, nor once it is set back', () => {
    const { clock } = aClock();
    clock.schedule(1100, () => {
      throw new Error('broken');
    });

    expect(() => clock.advance(150)).toThrow('broken');
    expect(clock.movingTo()).toBe(1150);
    clock.offsetMs = 0;

    expect(clock.movingTo()).toBe(1000);
  });

  test.each([-1, Number.NaN, Infinity])('is not moved by %p', (ms) => {
    const { clock } = aClock();

    expect(() => clock.advance(ms)).toThrow(RangeError);
    expect(clock.now()).toBe(1000);
  });
});
