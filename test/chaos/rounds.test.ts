import { describe, expect, test } from '@jest/globals';
import { roundsOf } from './rounds.ts';

describe('roundsOf', () => {
  test.each([
    { seed: 1, commands: 100_000, kills: 203, faults: 1_001 },
    { seed: 1, commands: 5_001, kills: 1, faults: 0 },
    { seed: 1, commands: 10, kills: 0, faults: 3 },
  ])('shares out everything: $commands commands, $kills kills, $faults faults', (run) => {
    const rounds = roundsOf(run);
    const sum = (of: 'commands' | 'kills' | 'faults') =>
      rounds.reduce((total, round) => total + round[of], 0);

    expect([sum('commands'), sum('kills'), sum('faults')]).toEqual([
      run.commands,
      run.kills,
      run.faults,
    ]);
    expect(Math.max(...rounds.map(({ commands }) => commands))).toBeLessThanOrEqual(5_000);
    expect(new Set(rounds.map(({ seed }) => seed)).size).toBe(rounds.length);
    expect(rounds[0]?.seed).toBe(run.seed);
  });
});
