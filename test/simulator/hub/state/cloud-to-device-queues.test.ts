import { describe, expect, test } from '@jest/globals';
import type { Ack } from '../../../../simulator/hub/state/cloud-to-device-message.ts';
import {
  CloudToDeviceQueues,
  type Delivery,
} from '../../../../simulator/hub/state/cloud-to-device-queues.ts';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { Deadlines } from '../../../../simulator/hub/state/deadlines.ts';
import { DeviceRegistry } from '../../../../simulator/hub/state/device-registry.ts';
import type { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import { Journal } from '../../../../simulator/hub/state/journal.ts';
import { Throttles } from '../../../../simulator/hub/state/throttles.ts';
import { hubSettings } from '../../../../simulator/hub/state/settings.ts';
import { aHub, aMessage, HOUR, kindOf, MINUTE, SECOND } from './builders.ts';

const DEVICE = 'device-1';

/** Puts messages of these ids into the device's queue. */
function enqueue(state: HubState, ...messageIds: string[]): void {
  for (const messageId of messageIds) state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId }));
}

function receive(state: HubState): Delivery {
  const delivery = state.cloudToDevice.receive(DEVICE);
  if (!delivery) throw new Error('No message to receive');
  return delivery;
}

/** What the feedback queue would report, in order. */
function outcomes(state: HubState): string[] {
  const { pending, batches } = state.feedback.snapshot();
  return [...batches.flatMap(({ records }) => records), ...pending].map(
    ({ originalMessageId, statusCode }) => `${originalMessageId} ${statusCode}`,
  );
}

function history(state: HubState, messageId: string): string[] {
  return state.journal.events({ messageId }).map(({ type, attempt }) => `${type} ${attempt}`);
}

describe('CloudToDeviceQueues.enqueue', () => {
  test('numbers messages per device and gives the default time to live', () => {
    const { state, clock } = aHub();
    state.registry.create({ deviceId: 'device-2' });
    const now = clock.now();

    enqueue(state, 'a');
    const second = state.cloudToDevice.enqueue(DEVICE, aMessage());
    const other = state.cloudToDevice.enqueue('device-2', aMessage());

    expect(second).toMatchObject({
      sequenceNumber: 2,
      enqueuedAt: now,
      expiresAt: now + HOUR,
      deliveryCount: 0,
    });
    expect(other.sequenceNumber).toBe(1);
  });

  test('refuses a device that is unknown or disabled', () => {
    const { state } = aHub();
    state.registry.update({ deviceId: DEVICE, status: 'disabled' }, '*');

    expect(kindOf(() => enqueue(state, 'a'))).toBe('deviceNotFound');
    expect(kindOf(() => state.cloudToDevice.enqueue('x', aMessage()))).toBe('deviceNotFound');
    expect(state.journal.events()).toEqual([]);
  });

  test('holds 50 messages, locked ones included, and takes the next once one is settled', () => {
    const { state } = aHub();
    for (let index = 1; index <= 50; index++) enqueue(state, `message-${index}`);
    const { lockToken } = receive(state);

    expect(kindOf(() => enqueue(state, 'one too many'.replaceAll(' ', '-')))).toBe(
      'deviceMaximumQueueDepthExceeded',
    );
    state.cloudToDevice.complete(DEVICE, lockToken);
    enqueue(state, 'fits');

    expect(state.cloudToDevice.count(DEVICE)).toBe(50);
  });

  test('takes 64 KB with all properties, and not a byte more', () => {
    const { state } = aHub();
    const frame = aMessage({ body: Buffer.alloc(0), properties: { name: 'value' } });
    const overhead = 'message-1'.length + frame.to.length + 'namevalue'.length;
    const largest = { ...frame, body: Buffer.alloc(64 * 1024 - overhead) };
    const tooLarge = { ...frame, body: Buffer.alloc(64 * 1024 - overhead + 1) };

    expect(kindOf(() => state.cloudToDevice.enqueue(DEVICE, tooLarge))).toBe('messageTooLarge');
    expect(state.cloudToDevice.enqueue(DEVICE, largest).sequenceNumber).toBe(1);
  });

  test.each([
    ['now', 0],
    ['in the past', -1],
    ['more than two days and the allowance for clocks ahead', 48 * HOUR + 5 * MINUTE + 1],
    ['not a time', Number.NaN],
    ['never', Infinity],
  ])('refuses an expiry that is %s', (_, offset) => {
    const { state, clock } = aHub();
    const message = aMessage({ expiresAt: clock.now() + offset });

    expect(kindOf(() => state.cloudToDevice.enqueue(DEVICE, message))).toBe('invalidExpiry');
  });

  test('refuses what cannot be a message', () => {
    const { state } = aHub();

    expect(kindOf(() => enqueue(state, 'a/b'))).toBe('argumentInvalid');
    expect(state.cloudToDevice.count(DEVICE)).toBe(0);
  });
});

describe('CloudToDeviceQueues.receive', () => {
  test('hands out several at once, in order, each once', () => {
    const { state } = aHub();
    enqueue(state, 'a', 'b', 'c');

    const deliveries = [receive(state), receive(state), receive(state)];

    expect(deliveries.map(({ message }) => message.messageId)).toEqual(['a', 'b', 'c']);
    expect(new Set(deliveries.map(({ lockToken }) => lockToken)).size).toBe(3);
    expect(state.cloudToDevice.receive(DEVICE)).toBeUndefined();
    expect(state.cloudToDevice.receive('unknown')).toBeUndefined();
  });

  test('keeps messages from a disabled device until it is enabled again', () => {
    const { state } = aHub();
    enqueue(state, 'a');
    state.registry.update({ deviceId: DEVICE, status: 'disabled' }, '*');
    expect(state.cloudToDevice.receive(DEVICE)).toBeUndefined();

    state.registry.update({ deviceId: DEVICE, status: 'enabled' }, '*');

    expect(receive(state).message.messageId).toBe('a');
  });
});

describe('A lock', () => {
  test.each<[string, (hub: ReturnType<typeof aHub>) => void]>([
    ['the hub', ({ state }) => state.clock.advance(HOUR / 2)],
    ['the machine', ({ clock }) => clock.advance(HOUR / 2)],
  ])('that is taken while the clock of %s is moved begins at the end of the move', (_, move) => {
    const hub = aHub();
    const { state } = hub;
    enqueue(state, 'a');
    const held = [receive(state)];
    state.cloudToDevice.onAvailable(DEVICE, () => held.push(receive(state)));

    move(hub);
    const [first, again, ...others] = held;

    expect(others).toEqual([]);
    expect(again?.message).toMatchObject({ messageId: 'a', deliveryCount: 0 });
    expect(state.cloudToDevice.inspect(DEVICE)).toMatchObject([
      { attempts: 2, lockedUntil: state.clock.now() + MINUTE },
    ]);
    expect(kindOf(() => state.cloudToDevice.complete(DEVICE, first?.lockToken ?? ''))).toBe(
      'deviceMessageLockLost',
    );
    state.cloudToDevice.complete(DEVICE, again?.lockToken ?? '');
    expect(outcomes(state)).toEqual(['a Success']);
  });

  test('that is taken while the clock is moved keeps no message beyond its time', () => {
    const { state } = aHub();
    enqueue(state, 'a');
    state.cloudToDevice.receive(DEVICE);
    state.cloudToDevice.onAvailable(DEVICE, () => state.cloudToDevice.receive(DEVICE));

    state.clock.advance(2 * HOUR);

    expect(history(state, 'a')).toEqual([
      'enqueued 0',
      'delivered 1',
      'lockExpired 1',
      'delivered 2',
      'expired 2',
    ]);
  });

  test('runs out after 60 s: the message is back in its place with its count unchanged', () => {
    const { state, clock } = aHub();
    enqueue(state, 'a', 'b');
    const first = receive(state);

    clock.advance(60 * SECOND - 1);
    expect(receive(state).message.messageId).toBe('b');
    clock.advance(1);
    const again = receive(state);

    expect(again.message).toMatchObject({ messageId: 'a', deliveryCount: 0 });
    expect(again.lockToken).not.toBe(first.lockToken);
  });

  test.each(['complete', 'reject', 'abandon'] as const)(
    'that ran out is lost to %s, and the message is not',
    (settle) => {
      const { state, clock } = aHub();
      enqueue(state, 'a');
      const { lockToken } = receive(state);
      clock.advance(60 * SECOND);

      expect(kindOf(() => state.cloudToDevice[settle](DEVICE, lockToken))).toBe(
        'deviceMessageLockLost',
      );

      expect(state.cloudToDevice.count(DEVICE)).toBe(1);
      expect(outcomes(state)).toEqual([]);
    },
  );

  test('settles once only', () => {
    const { state } = aHub();
    enqueue(state, 'a');
    const { lockToken } = receive(state);
    state.cloudToDevice.complete(DEVICE, lockToken);

    expect(kindOf(() => state.cloudToDevice.complete(DEVICE, lockToken))).toBe(
      'deviceMessageLockLost',
    );
    expect(kindOf(() => state.cloudToDevice.reject(DEVICE, lockToken))).toBe(
      'deviceMessageLockLost',
    );
    expect(outcomes(state)).toEqual(['a Success']);
  });

  test("is of no use to another device's consumer", () => {
    const { state } = aHub();
    state.registry.create({ deviceId: 'device-2' });
    enqueue(state, 'a');
    state.cloudToDevice.enqueue('device-2', aMessage());
    const { lockToken } = receive(state);

    expect(kindOf(() => state.cloudToDevice.complete('device-2', lockToken))).toBe(
      'deviceMessageLockLost',
    );
    state.cloudToDevice.release('device-2', lockToken);
    state.cloudToDevice.complete(DEVICE, lockToken);

    expect(outcomes(state)).toEqual(['a Success']);
  });

  test('is given back without a trace on the count, and silently when it is gone', () => {
    const { state, clock } = aHub();
    enqueue(state, 'a');

    for (let round = 0; round < 20; round++)
      state.cloudToDevice.release(DEVICE, receive(state).lockToken);
    const { lockToken, message } = receive(state);
    clock.advance(MINUTE);
    state.cloudToDevice.release(DEVICE, lockToken);

    expect(message.deliveryCount).toBe(0);
    expect(history(state, 'a').slice(-3)).toEqual([
      'released 20',
      'delivered 21',
      'lockExpired 21',
    ]);
  });
});

describe('CloudToDeviceQueues.abandon', () => {
  test('puts the message back in its place before later ones', () => {
    const { state } = aHub();
    enqueue(state, 'a', 'b', 'c');
    const [a, b] = [receive(state), receive(state)];

    state.cloudToDevice.abandon(DEVICE, b.lockToken);
    state.cloudToDevice.release(DEVICE, a.lockToken);

    const order = [receive(state), receive(state), receive(state)];
    expect(order.map(({ message }) => message.messageId)).toEqual(['a', 'b', 'c']);
    expect(order.map(({ message }) => message.deliveryCount)).toEqual([0, 1, 0]);
  });

  test('is the end of the message at the tenth time', () => {
    const { state } = aHub();
    enqueue(state, 'a');

    for (let count = 0; count < 10; count++) {
      const { message, lockToken } = receive(state);
      expect(message.deliveryCount).toBe(count);
      state.cloudToDevice.abandon(DEVICE, lockToken);
    }

    expect(state.cloudToDevice.receive(DEVICE)).toBeUndefined();
    expect(outcomes(state)).toEqual(['a DeliveryCountExceeded']);
    expect(history(state, 'a').slice(-3)).toEqual([
      'delivered 10',
      'abandoned 10',
      'deliveryCountExceeded 10',
    ]);
  });

  test('is the end at once when one delivery is all that is allowed', () => {
    const { state } = aHub({ cloudToDevice: { maxDeliveryCount: 1 } });
    enqueue(state, 'a');

    state.cloudToDevice.abandon(DEVICE, receive(state).lockToken);

    expect(outcomes(state)).toEqual(['a DeliveryCountExceeded']);
  });
});

describe('Expiry', () => {
  test('happens at the time, not before', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage({ expiresAt: clock.now() + 5 * SECOND }));

    clock.advance(5 * SECOND - 1);
    expect(state.cloudToDevice.count(DEVICE)).toBe(1);
    clock.advance(1);

    expect(state.cloudToDevice.count(DEVICE)).toBe(0);
    expect(outcomes(state)).toEqual(['message-1 Expired']);
  });

  test('comes for a locked message too: a completion after that finds its lock lost', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage({ expiresAt: clock.now() + 30 * SECOND }));
    const { lockToken } = receive(state);

    clock.advance(30 * SECOND);

    expect(outcomes(state)).toEqual(['message-1 Expired']);
    expect(kindOf(() => state.cloudToDevice.complete(DEVICE, lockToken))).toBe(
      'deviceMessageLockLost',
    );
    clock.advance(30 * MINUTE);
    expect(outcomes(state)).toEqual(['message-1 Expired']);
  });

  test('beats a lock that runs out at the same moment', () => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage({ expiresAt: clock.now() + 60 * SECOND }));
    receive(state);

    clock.advance(60 * SECOND);

    expect(history(state, 'message-1')).toEqual(['enqueued 0', 'delivered 1', 'expired 1']);
  });

  test('leaves a completed message alone', () => {
    const { state, clock } = aHub({ feedback: { ttlMs: 5 * HOUR } });
    enqueue(state, 'a');
    state.cloudToDevice.complete(DEVICE, receive(state).lockToken);

    clock.advance(2 * HOUR);

    expect(outcomes(state)).toEqual(['a Success']);
  });

  test('makes room in the queue of a device that is disabled', () => {
    const { state, clock } = aHub();
    enqueue(state, 'a');
    state.registry.update({ deviceId: DEVICE, status: 'disabled' }, '*');

    clock.advance(HOUR);

    expect(outcomes(state)).toEqual(['a Expired']);
  });
});

describe('CloudToDeviceQueues.purge', () => {
  test('empties the queue, locked messages included', () => {
    const { state } = aHub();
    enqueue(state, 'a', 'b');
    const { lockToken } = receive(state);

    expect(state.cloudToDevice.purge(DEVICE)).toBe(2);

    expect(outcomes(state)).toEqual(['a Purged', 'b Purged']);
    expect(kindOf(() => state.cloudToDevice.complete(DEVICE, lockToken))).toBe(
      'deviceMessageLockLost',
    );
    expect(state.cloudToDevice.purge(DEVICE)).toBe(0);
    expect(kindOf(() => state.cloudToDevice.purge('unknown'))).toBe('deviceNotFound');
  });
});

describe('Feedback on a message', () => {
  const endings: Record<string, (state: HubState) => void> = {
    Success: (state) => state.cloudToDevice.complete(DEVICE, receive(state).lockToken),
    Rejected: (state) => state.cloudToDevice.reject(DEVICE, receive(state).lockToken),
    Purged: (state) => state.cloudToDevice.purge(DEVICE),
    DeliveryCountExceeded: (state) => state.cloudToDevice.abandon(DEVICE, receive(state).lockToken),
  };

  test.each<[Ack, string, boolean]>([
    ['none', 'Success', false],
    ['none', 'Rejected', false],
    ['none', 'Purged', false],
    ['none', 'DeliveryCountExceeded', false],
    ['positive', 'Success', true],
    ['positive', 'Rejected', false],
    ['positive', 'Purged', false],
    ['positive', 'DeliveryCountExceeded', false],
    ['negative', 'Success', false],
    ['negative', 'Rejected', true],
    ['negative', 'Purged', true],
    ['negative', 'DeliveryCountExceeded', true],
    ['full', 'Success', true],
    ['full', 'Rejected', true],
    ['full', 'Purged', true],
    ['full', 'DeliveryCountExceeded', true],
  ])('with acknowledgement %s that ends as %s: %s', (ack, ending, isReported) => {
    const { state } = aHub({ cloudToDevice: { maxDeliveryCount: 1 } });
    state.cloudToDevice.enqueue(DEVICE, aMessage({ ack }));

    endings[ending]?.(state);

    expect(outcomes(state)).toEqual(isReported ? [`message-1 ${ending}`] : []);
    expect(state.cloudToDevice.count(DEVICE)).toBe(0);
  });

  test.each<[Ack, string[]]>([
    ['none', []],
    ['positive', []],
    ['negative', ['message-1 Expired']],
    ['full', ['message-1 Expired']],
  ])('with acknowledgement %s that expires: %j', (ack, reported) => {
    const { state, clock } = aHub();
    state.cloudToDevice.enqueue(DEVICE, aMessage({ ack }));

    clock.advance(HOUR);

    expect(outcomes(state)).toEqual(reported);
  });

  test('is impossible without a message id', () => {
    const { state } = aHub();
    const { messageId: _, ...anonymous } = aMessage();
    state.cloudToDevice.enqueue(DEVICE, anonymous);

    state.cloudToDevice.complete(DEVICE, receive(state).lockToken);

    expect(outcomes(state)).toEqual([]);
    expect(state.journal.events().map(({ type }) => type)).toEqual([
      'enqueued',
      'delivered',
      'completed',
    ]);
  });

  test('carries the time of the outcome and the generation of the device', () => {
    const { state, clock } = aHub();
    enqueue(state, 'a');
    clock.advance(SECOND);
    state.cloudToDevice.complete(DEVICE, receive(state).lockToken);

    expect(state.feedback.receive()?.records).toEqual([
      {
        originalMessageId: 'a',
        statusCode: 'Success',
        description: 'Success',
        deviceId: DEVICE,
        deviceGenerationId: state.registry.get(DEVICE).generationId,
        enqueuedTimeUtc: new Date(clock.now()).toISOString(),
      },
    ]);
  });
});

describe('CloudToDeviceQueues.onAvailable', () => {
  test('tells whenever a message of the device came or came back', () => {
    const { state, clock } = aHub();
    state.registry.create({ deviceId: 'device-2' });
    let calls = 0;
    const leave = state.cloudToDevice.onAvailable(DEVICE, () => calls++);

    enqueue(state, 'a');
    expect(calls).toBe(1);
    state.cloudToDevice.abandon(DEVICE, receive(state).lockToken);
    expect(calls).toBe(2);
    state.cloudToDevice.release(DEVICE, receive(state).lockToken);
    expect(calls).toBe(3);
    receive(state);
    clock.advance(MINUTE);
    expect(calls).toBe(4);
    state.cloudToDevice.enqueue('device-2', aMessage());
    state.cloudToDevice.complete(DEVICE, receive(state).lockToken);
    leave();
    enqueue(state, 'b');

    expect(calls).toBe(4);
  });

  test('lets a listener receive at once, within the send', () => {
    const { state } = aHub();
    const received: (string | undefined)[] = [];
    state.cloudToDevice.onAvailable(DEVICE, () => {
      const delivery = receive(state);
      received.push(delivery.message.messageId);
      state.cloudToDevice.complete(DEVICE, delivery.lockToken);
    });

    enqueue(state, 'a', 'b');

    expect(received).toEqual(['a', 'b']);
    expect(outcomes(state)).toEqual(['a Success', 'b Success']);
  });
});

describe('A deleted device', () => {
  test('takes its queue along without feedback; its successor starts with an empty one', () => {
    const { state, clock } = aHub();
    enqueue(state, 'a', 'b');
    const { lockToken } = receive(state);
    state.registry.delete(DEVICE);
    state.registry.create({ deviceId: DEVICE });

    expect(kindOf(() => state.cloudToDevice.complete(DEVICE, lockToken))).toBe(
      'deviceMessageLockLost',
    );
    clock.advance(2 * HOUR);

    expect(state.cloudToDevice.count(DEVICE)).toBe(0);
    expect(outcomes(state)).toEqual([]);
    expect(history(state, 'b')).toEqual(['enqueued 0', 'deviceDeleted 0']);
  });
});

describe('CloudToDeviceQueues', () => {
  test('leave no deadline behind for a message that is gone', () => {
    const clock = new ManualClock();
    const registry = new DeviceRegistry(clock);
    const deadlines = new Deadlines(clock);
    const queues = new CloudToDeviceQueues({
      clock,
      deadlines,
      registry,
      settings: hubSettings().cloudToDevice,
      throttles: new Throttles(clock),
      journal: new Journal(),
      onOutcome: () => {},
      onChange: () => {},
    });
    for (const deviceId of ['a', 'b', 'c']) {
      registry.create({ deviceId });
      for (let count = 0; count < 10; count++) queues.enqueue(deviceId, aMessage());
    }
    expect(deadlines.size).toBe(30);

    for (let count = 0; count < 10; count++)
      queues.complete('a', queues.receive('a')?.lockToken ?? '');
    queues.purge('b');
    registry.delete('c');

    expect(deadlines.size).toBe(0);
  });

  test('notice what fell due even when its timer has not come', () => {
    let now = 0;
    const clock = { now: () => now, movingTo: () => now, schedule: () => () => {} };
    const registry = new DeviceRegistry(clock);
    const journal = new Journal();
    const queues = new CloudToDeviceQueues({
      clock,
      deadlines: new Deadlines(clock),
      registry,
      settings: hubSettings().cloudToDevice,
      throttles: new Throttles(clock),
      journal,
      onOutcome: () => {},
      onChange: () => {},
    });
    registry.create({ deviceId: DEVICE });
    queues.enqueue(DEVICE, aMessage({ messageId: 'expires', expiresAt: 10 * SECOND }));
    queues.enqueue(DEVICE, aMessage({ messageId: 'stays' }));

    now = 10 * SECOND;
    const delivery = queues.receive(DEVICE);
    now += MINUTE;

    expect(delivery?.message.messageId).toBe('stays');
    expect(kindOf(() => queues.complete(DEVICE, delivery?.lockToken ?? ''))).toBe(
      'deviceMessageLockLost',
    );
    expect(queues.receive(DEVICE)?.message.messageId).toBe('stays');
  });
});
