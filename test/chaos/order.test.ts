import { describe, expect, test } from '@jest/globals';
import { outOfOrder } from './order.ts';

const dispatched = (place: number, acceptedAt: number, deviceId = 'amqp-0') => ({
  deviceId,
  messageId: `accepted-${acceptedAt}`,
  acceptedAt,
  firstCopy: { messageId: `accepted-${acceptedAt}`, deviceId, place, takenAtMs: 0 },
});

describe('outOfOrder', () => {
  test('finds what overtook an earlier one of its device', () => {
    expect(outOfOrder([dispatched(2, 1_000), dispatched(1, 5_000)], 100)).toEqual([
      'accepted-1000',
    ]);
  });

  test.each([
    ['in order', [dispatched(1, 1_000), dispatched(2, 5_000)]],
    ['apart by less than clocks may be', [dispatched(2, 1_000), dispatched(1, 1_050)]],
    ['of different devices', [dispatched(2, 1_000), dispatched(1, 5_000, 'mqtt-1')]],
  ])('finds nothing in what is %s', (_, all) => {
    expect(outOfOrder(all, 100)).toEqual([]);
  });
});
