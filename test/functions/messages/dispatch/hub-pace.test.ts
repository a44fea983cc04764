import { describe, expect, test } from '@jest/globals';
import { queuedSendsPerSecond } from '../../../../functions/messages/dispatch/send-rate.ts';
import { useStorage } from '../../../support/storage.ts';
import { aDispatch } from './a-dispatch.ts';

const storage = useStorage();

describe('permit', () => {
  test('spreads the sends of all instances over time', async () => {
    const { aPace, clock } = aDispatch(storage, { sendsPerSecond: 4 });
    const instances = [aPace(), aPace()];
    const startedAt = clock.now;
    let sends = 0;
    while (clock.now - startedAt < 10_000) {
      for (const pace of instances) {
        const permit = await pace.permit();
        if (permit === 'go') sends += 1;
        else clock.now += permit.waitMs;
      }
    }

    expect(sends).toBeGreaterThan(30);
    expect(sends).toBeLessThanOrEqual(44);
  });

  test('does not let unused slots pile up', async () => {
    const { aPace, clock } = aDispatch(storage, { sendsPerSecond: 4 });
    const pace = aPace();
    await pace.permit();
    clock.now += 3_600_000;
    const startedAt = clock.now;

    for (let sends = 0; sends < 9; sends += 1) await pace.permit();

    expect(clock.now - startedAt).toBeGreaterThanOrEqual(1_750);
  });

  test('is always given where the size of the hub is not known', async () => {
    const { aPace, clock } = aDispatch(storage);
    const startedAt = clock.now;

    for (let sends = 0; sends < 50; sends += 1) expect(await aPace().permit()).toBe('go');
    expect(clock.now).toBe(startedAt);
  });
});

describe('pause', () => {
  test('stops all instances, and lasts longer each time until a message gets through', async () => {
    const { aPace, clock } = aDispatch(storage);
    const [one, other] = [aPace(), aPace()];
    const waits: number[] = [];
    for (let strikes = 0; strikes < 7; strikes += 1) {
      const waitMs = await one.pause('hub-unavailable');
      await one.pause('hub-unavailable');
      waits.push(waitMs / 1000);
      clock.now += 1_000;
      expect(await other.permit()).toEqual({ waitMs: waitMs - 1_000, code: 'hub-unavailable' });
      clock.now += waitMs;
      expect(await other.permit()).toBe('go');
    }
    await one.succeeded();

    expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60]);
    expect(await other.pause('throttled', 10)).toBe(10_000);
  });
});

test.each([
  ['F1', 1, 1.5],
  ['S1', 2, 3],
  ['S2', 10, 15],
  ['S3', 10, 750],
] as const)('a hub of %s × %i takes %d queued sends a second', (sku, units, rate) => {
  expect(queuedSendsPerSecond({ sku, units })).toBeCloseTo(rate);
});
