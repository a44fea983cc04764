import { describe, expect, test } from '@jest/globals';
import { DeviceFaults } from '../../../../simulator/hub/faults/device-faults.ts';
import type { RequestedFault } from '../../../../simulator/hub/faults/requested-fault.ts';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { kindOf, SECOND } from '../state/builders.ts';

const KILL: RequestedFault = {
  type: 'KillTcp',
  effect: { kind: 'drop' },
  reason: '',
  delayMs: SECOND,
  durationMs: 10 * SECOND,
};
const THROTTLE: RequestedFault = {
  ...KILL,
  type: 'InvokeThrottling',
  effect: { kind: 'refuseEvents', error: 'throttled' },
};

describe('The faults that devices ask for', () => {
  test('begin after their delay, end after their duration, and leave nothing behind', () => {
    const clock = new ManualClock();
    const faults = new DeviceFaults(clock);
    const struck: string[] = [];

    faults.begin('a', KILL, ({ kind }) => struck.push(kind));
    faults.begin('a', THROTTLE, ({ kind }) => struck.push(kind));
    clock.advance(SECOND - 1);
    expect([struck, faults.refusesConnections('a')]).toEqual([[], false]);
    clock.advance(1);

    expect([struck, faults.refusesConnections('a')]).toEqual([['drop'], true]);
    expect(kindOf(() => faults.checkEvents('a'))).toBe('throttled');
    expect(faults.refusesConnections('b')).toBe(false);
    clock.advance(10 * SECOND);
    expect(faults.refusesConnections('a')).toBe(false);
    faults.checkEvents('a');
  });

  test('are not heard beyond 16 that wait, until some have begun', () => {
    const clock = new ManualClock();
    const faults = new DeviceFaults(clock);
    let strikes = 0;
    const ask = (times: number): void => {
      for (let count = 0; count < times; count++) faults.begin('a', KILL, () => strikes++);
    };

    ask(1000);
    faults.begin('b', KILL, () => strikes++);
    clock.advance(SECOND);
    expect(strikes).toBe(17);
    ask(2);
    clock.advance(SECOND);

    expect(strikes).toBe(19);
  });

  test('that wait and that last are gone after clear', () => {
    const clock = new ManualClock();
    const faults = new DeviceFaults(clock);
    let strikes = 0;
    faults.begin('a', { ...KILL, delayMs: 0 }, () => strikes++);
    clock.advance(0);
    faults.begin('a', KILL, () => strikes++);

    faults.clear();
    clock.advance(SECOND);

    expect([strikes, faults.refusesConnections('a')]).toEqual([1, false]);
  });
});
