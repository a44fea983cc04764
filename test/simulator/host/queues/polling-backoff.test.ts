import { describe, expect, test } from '@jest/globals';
import { PollingBackoff } from '../../../../simulator/host/queues/polling-backoff.ts';

function delays(backoff: PollingBackoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.nextDelayMs());
}

describe('polling an empty queue', () => {
  test('waits from 100 ms on longer each time, up to the limit, and starts over after a message', () => {
    const backoff = new PollingBackoff(1_000, () => 0.5);

    expect(delays(backoff, 7)).toEqual([100, 200, 300, 500, 900, 1_000, 1_000]);
    backoff.reset();
    expect(delays(backoff, 2)).toEqual([100, 200]);
  });

  test('is not in step with other hosts', () => {
    expect(delays(new PollingBackoff(1_000, () => 0), 3)).toEqual([100, 180, 260]);
    expect(delays(new PollingBackoff(1_000, () => 0.999), 3).map(Math.round)).toEqual([
      100, 220, 340,
    ]);
  });
});
