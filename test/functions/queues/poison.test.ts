import { readFileSync } from 'node:fs';
import { InvocationContext } from '@azure/functions';
import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import { MAX_DEQUEUE_COUNT, withPoison } from '../../../functions/queues/poison.ts';
import { NOON } from '../../support/messages.ts';

function setUp(error?: Error) {
  const poisoned: unknown[] = [];
  const givenUp: unknown[] = [];
  const handler = withPoison({
    queue: {
      enqueue: async (poison) => {
        poisoned.push(poison);
      },
    },
    parse: (message) => {
      if (message !== 'ours') throw new Error('not ours');
      return { id: 1 };
    },
    handle: async () => {
      if (error) throw error;
    },
    giveUp: async (message, reason) => {
      givenUp.push({ message, reason });
    },
    now: () => NOON,
  });
  const deliver = async (message: unknown, dequeueCount: number) =>
    handler(
      message,
      new InvocationContext({
        functionName: 'test',
        logHandler: () => undefined,
        triggerMetadata: { dequeueCount },
      }),
    );
  return { deliver, poisoned, givenUp };
}

describe('withPoison', () => {
  test('knows after how many deliveries the host gives up', () => {
    const hostJson = JSON.parse(readFileSync('host.json', 'utf8'));

    expect(hostJson.extensions.queues.maxDequeueCount).toBe(MAX_DEQUEUE_COUNT);
  });

  test.each([['text'], [{ other: 'shape' }], [null]])(
    'puts %j aside with a reason at once',
    async (message) => {
      const { deliver, poisoned, givenUp } = setUp();

      await deliver(message, 1);

      expect(poisoned).toMatchObject([
        { reason: { code: 'not-understood' }, at: '2026-03-01T12:00:00.000Z' },
      ]);
      expect(givenUp).toEqual([]);
    },
  );

  test('lets the host repeat what failed, and at the last delivery gives the reason', async () => {
    const { deliver, poisoned, givenUp } = setUp(new DownlinkError('storage-unavailable', 'Why.'));

    await expect(deliver('ours', 4)).rejects.toThrow('Why.');
    expect(poisoned).toEqual([]);
    await deliver('ours', 5);

    const reason = { code: 'storage-unavailable', detail: 'Why.' };
    expect(poisoned).toMatchObject([{ message: 'ours', reason }]);
    expect(givenUp).toEqual([{ message: { id: 1 }, reason }]);
  });

  test('tells nothing of an error that is not ours', async () => {
    const { deliver, poisoned } = setUp(new Error('secret'));

    await deliver('ours', 5);

    expect(JSON.stringify(poisoned)).not.toContain('secret');
  });
});
