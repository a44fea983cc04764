import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { HUB_ERRORS, HubError } from '../../../../simulator/hub/state/hub-error.ts';
import { type HubSnapshot, HubState } from '../../../../simulator/hub/state/hub-state.ts';
import { aHub, aMessage, HOUR, kindOf, MINUTE, SECOND } from './builders.ts';

const DEVICE = 'device-1';

/** As it comes back from a file. */
function throughJson(snapshot: HubSnapshot): HubSnapshot {
  return JSON.parse(JSON.stringify(snapshot)) as HubSnapshot;
}

describe('HubState.restore', () => {
  test('brings back devices with keys, policies, and the order of pages', () => {
    const { state, clock } = aHub();
    state.registry.create({ deviceId: 'a-2' });
    state.registry.create({ deviceId: 'gone' });
    state.registry.create({ deviceId: 'a-1', status: 'disabled', statusReason: 'broken' });
    const { after } = state.registry.page({ max: 2 });
    state.registry.delete('gone');
    state.registry.setConnected(DEVICE, true);

    const restored = HubState.restore(throughJson(state.snapshot()), { clock });

    expect(restored.policies.list()).toEqual(state.policies.list());
    expect(restored.registry.page({ max: 9, after: after ?? -1 }).items).toEqual([
      state.registry.get('a-1'),
    ]);
    expect(restored.registry.get(DEVICE)).toEqual({
      ...state.registry.get(DEVICE),
      connectionState: 'Disconnected',
    });
    expect(restored.snapshot()).toEqual({
      ...state.snapshot(),
      devices: restored.registry.snapshot(),
    });
  });

  test('brings messages back in order, locked ones unlocked, with counts and numbers kept', () => {
    const { state, clock } = aHub();
    const body = Buffer.from([0, 255, 128]);
    state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'a', body }));
    state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'b' }));
    state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'c' }));
    state.cloudToDevice.abandon(DEVICE, state.cloudToDevice.receive(DEVICE)?.lockToken ?? '');
    state.cloudToDevice.receive(DEVICE);
    state.cloudToDevice.receive(DEVICE);
    state.registry.create({ deviceId: 'device-2' });

    const restored = HubState.restore(throughJson(state.snapshot()), { clock });
    const [a, b, c] = [1, 2, 3].map(() => restored.cloudToDevice.receive(DEVICE)?.message);
    const d = restored.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'd' }));

    expect(a).toMatchObject({ messageId: 'a', body, deliveryCount: 1, sequenceNumber: 1 });
    expect([b?.messageId, c?.messageId]).toEqual(['b', 'c']);
    expect(d.sequenceNumber).toBe(4);
    expect(restored.journal.events({ messageId: 'a' })).toMatchObject([
      {
        type: 'delivered',
        attempt: 3,
        deviceGenerationId: state.registry.get(DEVICE).generationId,
      },
    ]);
  });

  test('numbers on after messages that were settled before', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage());
    state.cloudToDevice.purge(DEVICE);

    const restored = HubState.restore(throughJson(state.snapshot()), { clock });

    expect(restored.cloudToDevice.enqueue(DEVICE, aMessage()).sequenceNumber).toBe(2);
  });

  test('lets expire what fell due while the hub was away', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage());
    const snapshot = throughJson(state.snapshot());
    const later = new ManualClock(clock.now() + 2 * HOUR);

    const restored = HubState.restore(snapshot, { clock: later });

    expect(restored.cloudToDevice.receive(DEVICE)).toBeUndefined();
    expect(restored.feedback.receive()?.records).toMatchObject([
      { originalMessageId: 'message-1', statusCode: 'Expired' },
    ]);
  });

  test('brings feedback back, batched and pending, and keeps the interval', () => {
    const { state, clock } = aHub();
    for (const messageId of ['a', 'b', 'c']) {
      state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId }));
      const delivery = state.cloudToDevice.receive(DEVICE);
      state.cloudToDevice.complete(DEVICE, delivery?.lockToken ?? '');
    }
    state.feedback.abandon(state.feedback.receive()?.lockToken ?? '');
    state.feedback.receive();
    clock.advance(10 * SECOND);

    const restored = HubState.restore(throughJson(state.snapshot()), { clock });
    const first = restored.feedback.receive();
    restored.feedback.complete(first?.lockToken ?? '');
    const early = restored.feedback.receive();
    clock.advance(5 * SECOND);
    const second = restored.feedback.receive();

    expect(first).toMatchObject({ records: [{ originalMessageId: 'a' }], deliveryCount: 1 });
    expect(early).toBeUndefined();
    expect(second?.records).toMatchObject([{ originalMessageId: 'b' }, { originalMessageId: 'c' }]);
  });

  test('drops feedback of a device that is deleted after it', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage());
    state.cloudToDevice.purge(DEVICE);

    const restored = HubState.restore(throughJson(state.snapshot()), { clock });
    restored.registry.delete(DEVICE);

    expect(restored.feedback.receive()).toBeUndefined();
  });

  test('refuses a snapshot of another version', () => {
    const { state } = aHub();

    expect(() => HubState.restore({ ...state.snapshot(), version: 99 })).toThrow(
      'The snapshot is of version 99; this hub reads version 2',
    );
  });
});

describe('HubState.onChange', () => {
  test('tells of whatever a snapshot would show', () => {
    const { state, clock } = aHub();
    let calls = 0;
    const leave = state.onChange(() => calls++);
    const expectCall = (run: () => void): void => {
      calls = 0;
      run();
      expect(calls).toBeGreaterThan(0);
    };

    expectCall(() => state.registry.create({ deviceId: 'device-2' }));
    expectCall(() => state.registry.update({ deviceId: 'device-2', status: 'disabled' }, '*'));
    expectCall(() => state.registry.delete('device-2'));
    expectCall(() => state.cloudToDevice.enqueue(DEVICE, aMessage()));
    expectCall(() => clock.advance(HOUR));
    expectCall(() => state.feedback.complete(state.feedback.receive()?.lockToken ?? ''));
    expectCall(() => state.clock.advance(1));
    leave();
    calls = 0;
    state.registry.create({ deviceId: 'device-3' });

    expect(calls).toBe(0);
  });
});

describe('HubState.stop', () => {
  test('lets nothing happen any more', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage());

    state.stop();
    clock.advance(2 * HOUR + MINUTE);

    expect(state.journal.events().map(({ type }) => type)).toEqual(['enqueued']);
  });
});

describe('HubState.policies', () => {
  test('are those of a new hub, each with keys of its own', () => {
    const policies = new HubState().policies.list();

    expect(Object.fromEntries(policies.map(({ name, rights }) => [name, rights]))).toEqual({
      iothubowner: ['registryRead', 'registryWrite', 'serviceConnect', 'deviceConnect'],
      service: ['serviceConnect'],
      device: ['deviceConnect'],
      registryRead: ['registryRead'],
      registryReadWrite: ['registryRead', 'registryWrite'],
    });
    expect(new Set(policies.flatMap((p) => [p.primaryKey, p.secondaryKey])).size).toBe(10);
  });
});

describe('HubError', () => {
  test.each([
    ['argumentInvalid', 400004, 400],
    ['deviceMaximumQueueDepthExceeded', 403004, 403],
    ['maximumInflightMethods', 403800, 403],
    ['deviceNotFound', 404001, 404],
    ['deviceNotOnline', 404103, 404],
    ['deviceMessageLockLost', 412002, 412],
    ['gatewayTimeout', 504101, 504],
  ] as const)('%s has the code %i and the status %i', (kind, code, httpStatus) => {
    const error = new HubError(kind);

    expect(error).toMatchObject({ kind, code, httpStatus, message: HUB_ERRORS[kind].message });
  });
});

describe('HubState.replace', () => {
  test('puts a snapshot in the place of everything, the clock and the keys included', () => {
    const { state: saved } = aHub();
    saved.clock.advance(HOUR);
    saved.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'kept' }));
    const snapshot = throughJson(saved.snapshot());
    const { state } = aHub();
    for (const deviceId of ['a', 'b', 'c']) state.registry.create({ deviceId });
    state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'gone' }));
    state.cloudToDevice.enqueue('c', aMessage());
    state.cloudToDevice.purge('c');
    const lockToken = state.cloudToDevice.receive(DEVICE)?.lockToken ?? '';

    state.replace(snapshot);

    expect(state.snapshot()).toEqual(snapshot);
    expect(state.feedback.receive()).toBeUndefined();
    expect(kindOf(() => state.cloudToDevice.complete(DEVICE, lockToken))).toBe(
      'deviceMessageLockLost',
    );
    expect(state.cloudToDevice.receive(DEVICE)?.message.messageId).toBe('kept');
    expect(state.registry.page({ max: 9 }).items).toHaveLength(1);
    expect(state.registry.page({ max: 9, after: 1 }).items).toEqual([]);
    expect(state.journal.events().map(({ messageId }) => messageId)).toEqual(['kept']);
  });

  test('leaves everything as it is when the snapshot does not fit together', () => {
    const { state } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage());
    const before = throughJson(state.snapshot());
    const broken = { ...before, clockOffsetMs: 5, devices: [] };

    expect(() => state.replace(broken)).toThrow('is not registered');

    expect(state.snapshot()).toEqual(before);
  });
});

describe('HubState.reset', () => {
  test('leaves these devices alone, with nothing of what was before', () => {
    const { state, clock } = aHub();
    const { primaryKey } = state.registry.get(DEVICE);
    const policies = state.policies.list();
    const generation = state.registry.get(DEVICE).generationId;
    state.registry.create({ deviceId: 'gone' });
    state.cloudToDevice.enqueue(DEVICE, aMessage());
    state.cloudToDevice.purge(DEVICE);
    state.clock.advance(HOUR);

    state.reset([{ deviceId: DEVICE, primaryKey }]);
    state.clock.advance(MINUTE);

    expect(state.registry.page({ max: 9 }).items).toMatchObject([{ deviceId: DEVICE, primaryKey }]);
    expect(state.registry.get(DEVICE).generationId).not.toBe(generation);
    expect(state.policies.list()).toEqual(policies);
    expect(state.clock.now()).toBe(clock.now() + MINUTE);
    expect(state.cloudToDevice.count(DEVICE)).toBe(0);
    expect(state.feedback.inspect()).toEqual({ pending: [], batches: [] });
    expect(state.journal.events()).toEqual([]);
  });

  test('keeps no lock and no interval of feedback from before', () => {
    const { state } = aHub();
    state.clock.advance(HOUR);
    state.cloudToDevice.enqueue(DEVICE, aMessage());
    state.cloudToDevice.purge(DEVICE);
    expect(state.feedback.receive()).toBeDefined();

    state.reset([{ deviceId: DEVICE }]);
    state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'new' }));
    state.cloudToDevice.purge(DEVICE);

    expect(state.feedback.receive()?.records).toMatchObject([{ originalMessageId: 'new' }]);
  });
});
