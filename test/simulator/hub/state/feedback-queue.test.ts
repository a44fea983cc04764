import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { Deadlines } from '../../../../simulator/hub/state/deadlines.ts';
import {
  type FeedbackDelivery,
  FeedbackQueue,
} from '../../../../simulator/hub/state/feedback-queue.ts';
import type { FeedbackRecord } from '../../../../simulator/hub/state/feedback-record.ts';
import { hubSettings, type HubSettings } from '../../../../simulator/hub/state/settings.ts';
import { HOUR, kindOf, MINUTE, SECOND } from './builders.ts';

function aFeedbackQueue(settings: Partial<HubSettings['feedback']> = {}) {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  const queue = new FeedbackQueue({
    clock,
    deadlines,
    settings: hubSettings({ feedback: settings }).feedback,
    onChange: () => {},
  });
  return { queue, clock, deadlines };
}

function aRecord(originalMessageId: string, deviceGenerationId = '1'): FeedbackRecord {
  return {
    originalMessageId,
    statusCode: 'Success',
    description: 'Success',
    deviceId: 'device-1',
    deviceGenerationId,
    enqueuedTimeUtc: '2026-01-01T00:00:00.000Z',
  };
}

function add(queue: FeedbackQueue, count: number, prefix = 'm', generation = '1'): void {
  for (let index = 1; index <= count; index++) queue.add(aRecord(`${prefix}-${index}`, generation));
}

function receive(queue: FeedbackQueue): FeedbackDelivery {
  const delivery = queue.receive();
  if (!delivery) throw new Error('No feedback to receive');
  return delivery;
}

function idsOf(delivery: FeedbackDelivery | undefined): string[] | undefined {
  return delivery?.records.map(({ originalMessageId }) => originalMessageId);
}

describe('Feedback batches', () => {
  test('go out an interval after the last one, with all that came meanwhile', () => {
    const { queue, clock } = aFeedbackQueue();
    queue.add(aRecord('first'));
    queue.complete(receive(queue).lockToken);
    add(queue, 3);

    clock.advance(15 * SECOND - 1);
    expect(queue.receive()).toBeUndefined();
    clock.advance(1);

    expect(idsOf(queue.receive())).toEqual(['m-1', 'm-2', 'm-3']);
  });

  test('go out at once when the last one was long ago', () => {
    const { queue, clock } = aFeedbackQueue();
    queue.add(aRecord('first'));
    queue.complete(receive(queue).lockToken);
    clock.advance(20 * SECOND);

    queue.add(aRecord('second'));

    expect(idsOf(queue.receive())).toEqual(['second']);
  });

  test('go out at 64 records before the interval is over', () => {
    const { queue } = aFeedbackQueue({ maxLockedBatches: 5 });
    queue.add(aRecord('first'));
    add(queue, 64 + 64 + 5);

    const sizes = [queue.receive(), queue.receive(), queue.receive(), queue.receive()].map(
      (delivery) => delivery?.records.length,
    );

    expect(sizes).toEqual([1, 64, 64, undefined]);
    expect(queue.counts()).toEqual({ pendingRecords: 5, waitingBatches: 0, lockedBatches: 3 });
  });

  test('start the interval anew when a full one goes out', () => {
    const { queue, clock } = aFeedbackQueue({ maxLockedBatches: 5 });
    queue.add(aRecord('first'));
    clock.advance(14 * SECOND);
    add(queue, 65);
    receive(queue);
    receive(queue);

    clock.advance(14 * SECOND);
    expect(queue.receive()).toBeUndefined();
    clock.advance(SECOND);

    expect(idsOf(queue.receive())).toEqual(['m-65']);
  });

  test('wait for a consumer in order and lose nothing', () => {
    const { queue, clock } = aFeedbackQueue();
    for (const name of ['a', 'b', 'c']) {
      queue.add(aRecord(name));
      clock.advance(15 * SECOND);
    }

    const seen = ['a', 'b', 'c'].map(() => {
      const delivery = receive(queue);
      queue.complete(delivery.lockToken);
      return idsOf(delivery);
    });

    expect(seen).toEqual([['a'], ['b'], ['c']]);
    expect(queue.receive()).toBeUndefined();
  });

  test('say when they were put together', () => {
    const { queue, clock } = aFeedbackQueue();
    const at = clock.now();
    queue.add(aRecord('a'));
    clock.advance(MINUTE);

    expect(receive(queue)).toMatchObject({ enqueuedAt: at, deliveryCount: 0 });
  });
});

describe('FeedbackQueue.receive', () => {
  test('hands out the next batch only after the previous is settled', () => {
    const { queue, clock } = aFeedbackQueue();
    queue.add(aRecord('a'));
    clock.advance(15 * SECOND);
    queue.add(aRecord('b'));
    const first = receive(queue);

    expect(queue.receive()).toBeUndefined();
    queue.complete(first.lockToken);

    expect(idsOf(queue.receive())).toEqual(['b']);
  });

  test('hands out as many at once as the setting allows', () => {
    const { queue, clock } = aFeedbackQueue({ maxLockedBatches: 2, intervalMs: 0 });
    add(queue, 3);
    const [first, second] = [queue.receive(), queue.receive()];

    expect([idsOf(first), idsOf(second)]).toEqual([['m-1'], ['m-2']]);
    expect(queue.receive()).toBeUndefined();
    clock.advance(MINUTE);

    expect(idsOf(queue.receive())).toEqual(['m-1']);
  });

  test('hands out again what its lock ran out on, with the count unchanged', () => {
    const { queue, clock } = aFeedbackQueue({ lockMs: 5 * SECOND });
    queue.add(aRecord('a'));
    const first = receive(queue);

    clock.advance(5 * SECOND - 1);
    expect(queue.receive()).toBeUndefined();
    clock.advance(1);
    const again = receive(queue);

    expect(again).toMatchObject({ records: first.records, deliveryCount: 0 });
    expect(kindOf(() => queue.complete(first.lockToken))).toBe('deviceMessageLockLost');
    expect(kindOf(() => queue.abandon(first.lockToken))).toBe('deviceMessageLockLost');
    queue.release(first.lockToken);
    queue.complete(again.lockToken);
    expect(queue.counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });

  test('locks from the end of the move while the clock is moved', () => {
    const { queue, clock } = aFeedbackQueue({ lockMs: 5 * SECOND });
    clock.schedule(clock.now() + MINUTE, () => queue.add(aRecord('a')));
    const held: FeedbackDelivery[] = [];
    queue.onAvailable(() => held.push(receive(queue)));

    clock.advance(HOUR);
    expect(held.map(idsOf)).toEqual([['a']]);
    clock.advance(5 * SECOND - 1);
    expect(held.length).toBe(1);
    clock.advance(1);
    expect(held.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 0]);

    queue.complete(held[1]?.lockToken ?? '');
    expect(queue.counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });

  test('does not lose what its lock ran out on, however often', () => {
    const { queue, clock } = aFeedbackQueue({ maxDeliveryCount: 3 });
    queue.add(aRecord('a'));

    for (let round = 0; round < 10; round++) {
      expect(receive(queue)).toMatchObject({ records: [aRecord('a')], deliveryCount: 0 });
      clock.advance(MINUTE);
    }
  });

  test('gives a released batch back to its place', () => {
    const { queue } = aFeedbackQueue({ intervalMs: 0 });
    add(queue, 2);

    for (let round = 0; round < 20; round++) queue.release(receive(queue).lockToken);

    expect(receive(queue)).toMatchObject({
      records: [aRecord('m-1')],
      deliveryCount: 0,
    });
  });
});

describe('FeedbackQueue.abandon', () => {
  test('raises the delivery count; a batch at the limit is lost', () => {
    const { queue } = aFeedbackQueue({ intervalMs: 0, maxDeliveryCount: 3 });
    add(queue, 2);
    const counts = [0, 1, 2].map(() => {
      const { lockToken, deliveryCount } = receive(queue);
      queue.abandon(lockToken);
      return deliveryCount;
    });

    expect(counts).toEqual([0, 1, 2]);
    expect(idsOf(queue.receive())).toEqual(['m-2']);
  });
});

describe('The time to live of feedback', () => {
  test('ends a batch that nobody fetched', () => {
    const { queue, clock, deadlines } = aFeedbackQueue({ ttlMs: MINUTE });
    queue.add(aRecord('a'));

    clock.advance(MINUTE - 1);
    expect(queue.counts().waitingBatches).toBe(1);
    clock.advance(1);

    expect(queue.receive()).toBeUndefined();
    expect(deadlines.size).toBe(0);
  });

  test('ends a locked batch too, and frees the way for the next', () => {
    const { queue, clock } = aFeedbackQueue({ ttlMs: MINUTE, lockMs: 5 * MINUTE });
    queue.add(aRecord('a'));
    const { lockToken } = receive(queue);
    clock.advance(30 * SECOND);
    queue.add(aRecord('b'));
    let calls = 0;
    queue.onAvailable(() => calls++);

    clock.advance(30 * SECOND);

    expect(calls).toBe(1);
    expect(kindOf(() => queue.complete(lockToken))).toBe('deviceMessageLockLost');
    expect(idsOf(queue.receive())).toEqual(['b']);
  });

  test('leaves nothing behind of a batch that was completed', () => {
    const { queue, deadlines } = aFeedbackQueue();
    queue.add(aRecord('a'));
    queue.complete(receive(queue).lockToken);

    expect(deadlines.size).toBe(0);
  });
});

describe('FeedbackQueue.removeGeneration', () => {
  test('takes out the records of one generation, batched or not, and no others', () => {
    const { queue, clock } = aFeedbackQueue();
    queue.add(aRecord('batched', 'gone'));
    add(queue, 2, 'pending', 'gone');
    add(queue, 1, 'kept', 'stays');

    queue.removeGeneration('gone');
    clock.advance(HOUR - 1);

    expect(idsOf(queue.receive())).toEqual(['kept-1']);
    expect(queue.counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 1 });
  });

  test('leaves what a consumer has; after its lock ran out those records are gone', () => {
    const { queue, clock } = aFeedbackQueue({ intervalMs: 1000, lockMs: 5000 });
    queue.add(aRecord('first'));
    queue.complete(receive(queue).lockToken);
    add(queue, 1, 'a', 'gone');
    add(queue, 1, 'b', 'stays');
    clock.advance(1000);
    const { lockToken } = receive(queue);

    queue.removeGeneration('gone');
    clock.advance(5000);

    expect(kindOf(() => queue.complete(lockToken))).toBe('deviceMessageLockLost');
    expect(idsOf(queue.receive())).toEqual(['b-1']);
  });

  test('makes an emptied batch vanish when its lock runs out', () => {
    const { queue, clock } = aFeedbackQueue();
    queue.add(aRecord('a', 'gone'));
    receive(queue);
    queue.removeGeneration('gone');

    clock.advance(MINUTE);

    expect(queue.counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });
});

describe('FeedbackQueue.onAvailable', () => {
  test('tells of a new batch and of one that came back', () => {
    const { queue, clock } = aFeedbackQueue();
    let calls = 0;
    const leave = queue.onAvailable(() => calls++);

    queue.add(aRecord('a'));
    expect(calls).toBe(1);
    queue.abandon(receive(queue).lockToken);
    expect(calls).toBe(2);
    queue.release(receive(queue).lockToken);
    expect(calls).toBe(3);
    receive(queue);
    clock.advance(MINUTE);
    expect(calls).toBe(4);
    queue.add(aRecord('b'));
    expect(calls).toBe(5);
    queue.complete(receive(queue).lockToken);
    expect(calls).toBe(6);
    leave();
    queue.abandon(receive(queue).lockToken);

    expect(calls).toBe(6);
  });
});
