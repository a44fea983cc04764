import { describe, expect, test } from '@jest/globals';
import { type Clock, ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { Deadlines } from '../../../../simulator/hub/state/deadlines.ts';

/** A clock whose timers never come, as on a machine whose event loop is blocked. */
function lateClock(): Clock & { time: number } {
  return {
    time: 0,
    now() {
      return this.time;
    },
    movingTo() {
      return this.time;
    },
    schedule: () => () => {},
  };
}

describe('Deadlines', () => {
  test('runs each at its time, whatever the order they were set in', () => {
    const clock = new ManualClock(0);
    const deadlines = new Deadlines(clock);
    const runs: string[] = [];
    deadlines.schedule(30, () => runs.push(`c at ${clock.now()}`));
    deadlines.schedule(10, () => runs.push(`a at ${clock.now()}`));
    deadlines.schedule(20, () => runs.push(`b at ${clock.now()}`));

    clock.advance(25);
    expect(runs).toEqual(['a at 10', 'b at 20']);
    clock.advance(5);

    expect(runs).toEqual(['a at 10', 'b at 20', 'c at 30']);
  });

  test('keeps nothing of what was cancelled', () => {
    const clock = new ManualClock(0);
    const deadlines = new Deadlines(clock);
    const runs: number[] = [];
    const cancels = Array.from({ length: 1000 }, (_, index) =>
      deadlines.schedule(10 + index, () => runs.push(index)),
    );

    for (const cancel of cancels.slice(1)) cancel();

    expect(deadlines.size).toBe(1);
    clock.advance(5000);
    expect(runs).toEqual([0]);
  });

  test('lets whoever asks run what is due before its timer comes', () => {
    const clock = lateClock();
    const deadlines = new Deadlines(clock);
    const runs: string[] = [];
    deadlines.schedule(10, () => runs.push('due'));
    deadlines.schedule(11, () => runs.push('not due'));

    clock.time = 10;
    deadlines.runDue();

    expect(runs).toEqual(['due']);
  });

  test('goes on with the others when one throws', () => {
    const clock = new ManualClock(0);
    const deadlines = new Deadlines(clock);
    const runs: string[] = [];
    deadlines.schedule(10, () => {
      throw new Error('planned');
    });
    deadlines.schedule(10, () => runs.push('other'));

    expect(() => clock.advance(10)).toThrow('planned');
    clock.advance(10);

    expect(runs).toEqual(['other']);
  });

  test('runs nothing once stopped', () => {
    const clock = new ManualClock(0);
    const deadlines = new Deadlines(clock);
    const runs: string[] = [];
    deadlines.schedule(10, () => runs.push('stopped'));

    deadlines.stop();
    clock.advance(10);

    expect(runs).toEqual([]);
    expect(deadlines.size).toBe(0);
  });
});
