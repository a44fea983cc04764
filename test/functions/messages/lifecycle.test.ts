import { describe, expect, test } from '@jest/globals';
import {
  isFinal,
  mayTryAgain,
  withFact,
  withNewAttempt,
  withRefusal,
} from '../../../functions/messages/lifecycle.ts';
import { MESSAGE_STATUSES } from '../../../functions/messages/message.ts';
import type { MessageStatus } from '../../../functions/messages/message.ts';
import { aMessage, NOON } from '../../support/messages.ts';

const ORDER: MessageStatus[][] = [
  ['accepted'],
  ['deferred'],
  ['enqueued'],
  ['failed'],
  ['unknown'],
  ['expired', 'purged', 'rejected', 'deliveryCountExceeded'],
  ['delivered'],
  ['handled', 'handlingFailed'],
];
const rank = (status: MessageStatus) => ORDER.findIndex((group) => group.includes(status));
const pairs = MESSAGE_STATUSES.flatMap((present) =>
  MESSAGE_STATUSES.map((fact) => [present, fact] as const),
);

describe('withFact', () => {
  test.each(pairs)('%s stays or gives way to %s by precedence', (present, fact) => {
    const message = aMessage({ status: present });

    const after = withFact(message, { status: fact, at: NOON + 1 }, NOON + 2);

    expect(after?.status).toBe(rank(fact) > rank(present) ? fact : present);
    expect(after?.history).toContainEqual({ status: fact, at: NOON + 1 });
    expect(after?.updatedAt).toBe(NOON + 2);
  });

  test('comes to the same state in whatever order the facts arrive', () => {
    const facts = [
      { status: 'enqueued', at: NOON + 1 },
      { status: 'unknown', at: NOON + 5 },
      { status: 'expired', at: NOON + 3 },
      { status: 'delivered', at: NOON + 2, detail: 'Success' },
    ] as const;
    const orders = facts.flatMap((_, first) =>
      facts.flatMap((__, second) => [
        facts.toSpliced(first, 1).toSpliced(second, 0, ...facts.slice(first, first + 1)),
      ]),
    );

    const results = orders.map((order) =>
      order.reduce((message, fact) => withFact(message, fact, NOON + 9) ?? message, aMessage()),
    );

    for (const result of results) {
      expect(result.status).toBe('delivered');
      expect(result.history.map(({ status }) => status)).toEqual([
        'accepted',
        'enqueued',
        'delivered',
        'expired',
        'unknown',
      ]);
    }
  });

  test('leaves a message as it is when the fact is known already', () => {
    const fact = { status: 'delivered', at: NOON + 1, detail: 'Success' } as const;
    const once = withFact(aMessage(), fact, NOON + 2);

    expect(once && withFact(once, fact, NOON + 3)).toBeUndefined();
  });

  test('orders what happened at the same time by rank', () => {
    const delivered = withFact(aMessage(), { status: 'delivered', at: NOON }, NOON);
    const both = delivered && withFact(delivered, { status: 'enqueued', at: NOON }, NOON);

    expect(both?.history.map(({ status }) => status)).toEqual([
      'accepted',
      'enqueued',
      'delivered',
    ]);
  });

  test('forgets the failure once a higher fact shows that the hub had the message', () => {
    const failure = { code: 'throttled', detail: 'The hub throttles.' };
    const failed = aMessage({ status: 'failed', failure });

    const after = withFact(failed, { status: 'delivered', at: NOON + 1 }, NOON + 2);

    expect(after).not.toHaveProperty('failure');
  });

  test('keeps the doubt about the hand-over when a message becomes unknown, so that a repeat may try again', () => {
    const unknown = withFact(aMessage(), { status: 'unknown', at: NOON + 40_000 }, NOON + 40_000);

    expect(unknown && mayTryAgain(unknown, NOON + 40_000)).toBe(true);
  });

  test('bounds the history of a message that is tried again and again', () => {
    let message = aMessage({ status: 'failed' });
    for (let attempt = 0; attempt < 150; attempt += 1) {
      const handOver = { until: NOON, owner: `owner-${attempt}` };
      message = withNewAttempt(message, { place: { handOver }, expiresAt: NOON }, NOON + attempt);
    }

    expect(message.history).toHaveLength(100);
    expect(message.attempt).toBe(151);
  });
});

describe('withRefusal', () => {
  const refusal = { at: NOON + 1, failure: { code: 'throttled', detail: 'The hub throttles.' } };

  test('fails the attempt that holds the lease', () => {
    const after = withRefusal(aMessage(), 'owner-1', refusal, NOON + 2);

    expect(after).toMatchObject({ status: 'failed', failure: refusal.failure });
    expect(after).not.toHaveProperty('handOver');
  });

  test('is history only when another attempt was recorded since: the hub may hold its copy', () => {
    const taken = withFact(aMessage(), { status: 'enqueued', at: NOON }, NOON);

    const after = taken && withRefusal(taken, 'owner-1', refusal, NOON + 2);

    expect(after?.status).toBe('enqueued');
    expect(after?.history.at(-1)).toMatchObject({ status: 'failed', detail: 'throttled' });
  });
});

describe('isFinal', () => {
  test.each([
    ['accepted', 'full', false],
    ['deferred', 'full', false],
    ['enqueued', 'full', false],
    ['enqueued', 'positive', false],
    ['enqueued', 'negative', false],
    ['enqueued', 'none', true],
    ['failed', 'full', true],
    ['unknown', 'full', true],
    ['delivered', 'full', true],
    ['purged', 'none', true],
  ] as const)('%s with ack %s: %s', (status, ack, expected) => {
    expect(isFinal({ status, ack })).toBe(expected);
  });
});

describe('isFinal, with a receipt to be waited for', () => {
  test.each([
    ['enqueued', 'none', false],
    ['delivered', 'full', false],
    ['expired', 'full', true],
    ['handled', 'full', true],
    ['handlingFailed', 'none', true],
  ] as const)('%s with ack %s: %s', (status, ack, expected) => {
    expect(isFinal({ status, ack, awaitReceiptMs: 1000 })).toBe(expected);
    expect(isFinal({ status, ack, awaitReceiptMs: 1000, receiptOverdue: true })).toBe(true);
  });
});

describe('mayTryAgain', () => {
  test.each([
    ['a failed message', aMessage({ status: 'failed' }), NOON, true],
    ['a hand-over under way', aMessage(), NOON + 29_999, false],
    ['a hand-over whose lease is over', aMessage(), NOON + 30_000, true],
    [
      'a delivered message',
      { ...aMessage({ status: 'delivered' }), handOver: undefined },
      NOON,
      false,
    ],
  ])('%s', (_, message, now, expected) => {
    const { handOver, ...rest } = message;

    expect(mayTryAgain({ ...rest, ...(handOver && { handOver }) }, now)).toBe(expected);
  });
});
