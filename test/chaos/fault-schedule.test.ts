import { describe, expect, test } from '@jest/globals';
import { commandOf } from './command.ts';
import { faultSchedule } from './fault-schedule.ts';

const options = { seed: 7, commands: 1_000, kills: 20, faults: 400 };

describe('the plan of a chaos run', () => {
  test('is the same for the same seed, and another for another', () => {
    const commands = (seed: number) => Array.from({ length: 50 }, (_, n) => commandOf(seed, n));

    expect(faultSchedule(options)).toEqual(faultSchedule(options));
    expect(faultSchedule({ ...options, seed: 8 })).not.toEqual(faultSchedule(options));
    expect(commands(7)).toEqual(commands(7));
    expect(commands(8)).not.toEqual(commands(7));
  });

  test('has as many kills and other faults as asked for, of every kind, in order of the commands', () => {
    const schedule = faultSchedule(options);
    const kills = schedule.filter(({ kind }) => kind === 'app: killed');
    const at = schedule.map(({ afterCommand }) => afterCommand);

    expect(schedule).toHaveLength(420);
    expect(kills).toHaveLength(20);
    expect(new Set(schedule.map(({ kind }) => kind)).size).toBe(21);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(Math.max(...at)).toBeLessThan(1_000);
  });
});
