import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import {
  ratePerSecond,
  SKUS,
  type Sku,
  type ThrottledOperation,
} from '../../../../simulator/hub/state/service-tiers.ts';
import { aMessage, HOUR, kindOf, rejectedKind, SECOND } from './builders.ts';

/** A hub of this size with so many devices, one second before midnight (UTC). */
function aLimitedHub(sku: Sku, units = 1): { state: HubState; clock: ManualClock } {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 23, 59, 59));
  const settings = { cloudToDevice: { maxQueueDepth: 1_000_000 } };
  const state = new HubState({ clock, settings, limits: { sku, units } });
  state.registry.create({ deviceId: 'device-1' });
  return { state, clock };
}

/** How often it is admitted before it is refused. */
function admitted({ throttles }: HubState, operation: ThrottledOperation): number {
  let count = 0;
  while (throttles.allows(operation)) count++;
  return count;
}

describe('the throttles of a hub', () => {
  test.each([
    ['cloudToDeviceSends', 'S1', 2, 200 / 60],
    ['cloudToDeviceSends', 'S3', 1, 5000 / 60],
    ['cloudToDeviceReceives', 'S2', 1, 1000 / 60],
    ['deviceToCloudSends', 'S1', 2, 100],
    ['deviceToCloudSends', 'B1', 9, 108],
    ['deviceToCloudSends', 'S2', 2, 240],
    ['directMethodBytes', 'F1', 1, 160 * 1024],
    ['directMethodBytes', 'S3', 1, 24 * 1024 * 1024],
    ['identityOperations', 'B3', 2, 10_000 / 60],
    ['twinReads', 'S1', 50, 100],
    ['twinReads', 'S2', 20, 200],
    ['twinUpdates', 'S2', 2, 50],
    ['twinUpdates', 'S3', 2, 500],
    ['queries', 'S1', 3, 1],
    ['newConnections', 'S1', 1, 100],
    ['newConnections', 'S3', 1, 6000],
  ] as const)('%s of %s with %i units are %d a second', (operation, sku, units, rate) => {
    expect(ratePerSecond(operation, { sku, units })).toBeCloseTo(rate, 6);
  });

  test('let a minute of them come at once, and go on at their rate', () => {
    const { state, clock } = aLimitedHub('S1', 3);

    expect(admitted(state, 'queries')).toBe(60);
    clock.advance(10 * SECOND);
    expect(admitted(state, 'queries')).toBe(10);
    clock.advance(HOUR);
    expect(admitted(state, 'queries')).toBe(60);
  });

  test('count a method by what it carries, in steps of 4 KB', () => {
    const { state } = aLimitedHub('S1');
    const { throttles } = state;
    const calls = (payloadBytes: number): number => {
      throttles.set({ sku: 'S1', units: 1 });
      for (let count = 0; ; count++) {
        if (kindOfOrNone(() => throttles.admitMethod(payloadBytes)) === 'throttled') return count;
      }
    };

    expect(calls(0)).toBe(40 * 60);
    expect(calls(4096)).toBe(40 * 60);
    expect(calls(4097)).toBe(20 * 60);
    expect(calls(128 * 1024)).toBe(75);
  });

  test('refuse messages and methods with 429001 before anything else is said of them', async () => {
    const { state } = aLimitedHub('S1');
    for (let count = 0; count < 100; count++) state.cloudToDevice.enqueue('device-1', aMessage());

    expect(kindOf(() => state.cloudToDevice.enqueue('nobody', aMessage()))).toBe('throttled');
    expect(state.cloudToDevice.count('device-1')).toBe(100);
    const call = { deviceId: 'nobody', methodName: 'reboot', payload: Buffer.alloc(128 * 1024) };
    const kinds = [];
    for (let count = 0; count < 76; count++) {
      kinds.push(
        await rejectedKind(
          state.methods.invoke({ ...call, responseTimeoutMs: 5000, connectTimeoutMs: 0 }),
        ),
      );
    }
    expect(kinds.indexOf('throttled')).toBe(75);
  });

  test.each(SKUS)('of %s are off until they are set, and can be taken away', (sku) => {
    const state = new HubState({ clock: new ManualClock() });
    expect(state.throttles.inForce()).toBeUndefined();
    for (let count = 0; count < 100_000; count++) state.throttles.admit('queries');

    state.throttles.set({ sku, units: 1 });
    expect(state.throttles.inForce()).toMatchObject({ sku, units: 1 });
    state.throttles.set(undefined);

    expect(state.throttles.isOn).toBe(false);
  });

  test.each([
    [{ sku: 'F1', units: 2 }, '1 units, not 2'],
    [{ sku: 'S3', units: 11 }, '10 units, not 11'],
    [{ sku: 'S1', units: 0 }, 'not 0'],
    [{ sku: 'S1', units: 1.5 }, 'not 1.5'],
  ] as const)('are not those of %j', (limits, told) => {
    expect(() => new HubState({ limits })).toThrow(told);
  });

  test.each(['cloudToDeviceSends', 'directMethodBytes', 'twinReads', 'queries'] as const)(
    'of the basic tiers have no %s',
    (operation) => {
      const { throttles } = aLimitedHub('B2').state;

      expect(kindOf(() => throttles.admit(operation))).toBe('notAllowedInTier');
      throttles.admit('deviceToCloudSends');
      throttles.admit('identityOperations');
    },
  );
});

describe('the daily quota', () => {
  test('is used up by messages in their metered size, and is whole again at midnight (UTC)', () => {
    const { state, clock } = aLimitedHub('F1');
    const used = (): number | undefined => state.throttles.inForce()?.quota.used;
    const body = Buffer.alloc(700);

    state.cloudToDevice.enqueue('device-1', aMessage({ body }));
    expect(used()).toBe(2);
    state.throttles.meter([0, 512, 513]);
    expect(used()).toBe(6);
    state.throttles.meter([7_994 * 512]);
    expect(used()).toBe(8000);

    expect(kindOf(() => state.cloudToDevice.enqueue('device-1', aMessage()))).toBe('quotaExceeded');
    expect(kindOf(() => state.throttles.admit('deviceToCloudSends'))).toBe('quotaExceeded');
    state.throttles.admit('identityOperations');
    state.throttles.admit('newConnections');
    clock.advance(SECOND);
    state.cloudToDevice.enqueue('device-1', aMessage());
    expect(state.throttles.inForce()?.quota).toEqual({
      messagesPerDay: 8000,
      used: 1,
      day: '2026-01-02',
    });
  });

  test('is not touched by a message that is refused', () => {
    const { state } = aLimitedHub('S1');

    kindOf(() => state.cloudToDevice.enqueue('nobody', aMessage()));
    kindOf(() => state.cloudToDevice.enqueue('device-1', aMessage({ expiresAt: 1 })));

    expect(state.throttles.inForce()?.quota.used).toBe(0);
  });

  test('counts a method, its answer, and a call of a device that is not there', async () => {
    const { state } = aLimitedHub('S1');
    const call = { deviceId: 'device-1', methodName: 'reboot', payload: Buffer.alloc(5000) };
    const timeouts = { responseTimeoutMs: 5000, connectTimeoutMs: 0 };

    expect(await rejectedKind(state.methods.invoke({ ...call, ...timeouts }))).toBe(
      'deviceNotOnline',
    );
    expect(state.throttles.inForce()?.quota.used).toBe(2);
    state.methods.attach('device-1', ({ requestId }) =>
      queueMicrotask(() => state.methods.respond('device-1', requestId, 200, Buffer.alloc(9000))),
    );
    await state.methods.invoke({ ...call, ...timeouts });

    expect(state.throttles.inForce()?.quota.used).toBe(2 + 2 + 3);
  });
});

function kindOfOrNone(run: () => void): string {
  try {
    run();
    return 'none';
  } catch {
    return kindOf(run);
  }
}
