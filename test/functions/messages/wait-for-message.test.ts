import { describe, expect, test } from '@jest/globals';
import type { Message } from '../../../functions/messages/message.ts';
import { waitForMessage } from '../../../functions/messages/wait-for-message.ts';
import { aMessage, NOON } from '../../support/messages.ts';

function setUp(messageAt: (second: number) => Message | undefined) {
  const clock = { now: NOON };
  const reads: number[] = [];
  let wakeUps = 0;
  const wait = async (waitMs: number) =>
    waitForMessage(
      {
        store: {
          find: async () => {
            const second = (clock.now - NOON) / 1000;
            reads.push(second);
            const message = messageAt(second);
            return message && { message, version: '' };
          },
        },
        wakeUps: {
          request: async () => {
            wakeUps += 1;
          },
        },
        now: () => clock.now,
        sleep: async (ms) => {
          clock.now += ms;
        },
      },
      aMessage(),
      waitMs,
    );
  return { wait, reads, wakeUps: () => wakeUps };
}

describe('waitForMessage', () => {
  test('answers as soon as the message is final, with one read a second', async () => {
    const delivered = aMessage({ status: 'delivered' });
    const { wait, reads, wakeUps } = setUp((second) => (second >= 3 ? delivered : aMessage()));

    expect(await wait(30_000)).toBe(delivered);
    expect(reads).toEqual([0, 1, 2, 3]);
    expect(wakeUps()).toBe(3);
  });

  test('gives the present state when the wait is over', async () => {
    const { wait, reads } = setUp(() => aMessage());

    expect((await wait(2500))?.status).toBe('accepted');
    expect(reads).toEqual([0, 1, 2, 2.5]);
  });

  test('does not wait for a message that is not known', async () => {
    const { wait, reads } = setUp(() => undefined);

    expect(await wait(30_000)).toBeUndefined();
    expect(reads).toEqual([0]);
  });
});
