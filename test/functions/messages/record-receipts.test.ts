import { describe, expect, test } from '@jest/globals';
import { withFact } from '../../../functions/messages/lifecycle.ts';
import type { Message, MessageStatus } from '../../../functions/messages/message.ts';
import { MAX_RECEIPT_BYTES } from '../../../functions/messages/receipt.ts';
import type { ReceiptRecord } from '../../../functions/messages/receipt.ts';
import { recordReceipts } from '../../../functions/messages/record-receipts.ts';
import { sweepMessages } from '../../../functions/messages/sweep-messages.ts';
import { aMessage, NOON } from '../../support/messages.ts';
import { useStorage, type TestStorage } from '../../support/storage.ts';

const storage = useStorage();
const MINUTE = 60_000;

function aReceipt(changes: Partial<ReceiptRecord> = {}): ReceiptRecord {
  return {
    deviceId: 'device-1',
    messageId: 'message-1',
    outcome: 'ok',
    body: { turned: 'on' },
    at: NOON + 3_000,
    ...changes,
  };
}

const record = async ({ messages: store }: TestStorage, ...receipts: ReceiptRecord[]) =>
  recordReceipts({ store, now: () => NOON + 4_000 }, receipts);

async function found({ messages }: TestStorage): Promise<Message | undefined> {
  return (await messages.find(aMessage()))?.message;
}

/** A message of which the hub said this, if anything, a second after noon. */
async function given(changes: Partial<Message> = {}, ...facts: MessageStatus[]) {
  const stored = storage();
  const { message } = await stored.messages.insert(aMessage(changes));
  const after = facts.reduce(
    (current, status) => withFact(current, { status, at: NOON + 1_000 }, NOON + 1_000) ?? current,
    message,
  );
  if (facts.length > 0) await stored.messages.changeMany([{ ...message, change: () => after }]);
  return stored;
}

async function sweep({ messages: store }: TestStorage, now: number) {
  const expire = async () => 0;
  return sweepMessages({ store, backlogs: { expire }, now: () => now, feedbackTtlMs: 60 * MINUTE });
}

describe('recordReceipts', () => {
  test.each([
    ['ok', 'handled'],
    ['error', 'handlingFailed'],
  ] as const)('records %s as %s, with its body', async (outcome, status) => {
    const stored = await given({}, 'enqueued', 'delivered');

    const tally = await record(stored, aReceipt({ outcome }));

    expect(tally).toEqual({ recorded: 1, duplicates: 0, notOurs: 0, tooOld: 0 });
    expect(await found(stored)).toMatchObject({ status, receipt: { body: { turned: 'on' } } });
  });

  test.each([
    ['before the hand-over was recorded', [], ['accepted', 'handled']],
    ['before the feedback', ['enqueued'], ['accepted', 'enqueued', 'handled']],
    ['after it', ['enqueued', 'delivered'], ['accepted', 'enqueued', 'delivered', 'handled']],
    ['after all hope', ['unknown'], ['accepted', 'unknown', 'handled']],
    ['against the word of the hub', ['expired'], ['accepted', 'expired', 'handled']],
  ] as const)('may come %s', async (_, facts, history) => {
    const stored = await given({}, ...facts);

    await record(stored, aReceipt());
    const message = await found(stored);

    expect(message?.status).toBe('handled');
    expect(message).not.toHaveProperty('handOver');
    expect(message?.history.map(({ status }) => status)).toEqual(history);
  });

  test('is not outdone by feedback that comes later', async () => {
    const stored = await given({}, 'enqueued');
    await record(stored, aReceipt());

    await stored.messages.changeMany([
      {
        ...aMessage(),
        change: (message) => withFact(message, { status: 'delivered', at: NOON + 2_000 }, NOON),
      },
    ]);

    expect(await found(stored)).toMatchObject({ status: 'handled' });
    expect((await found(stored))?.history).toHaveLength(4);
  });

  test('counts one that comes again, and lets the first of two stand', async () => {
    const stored = await given({}, 'enqueued');
    await record(stored, aReceipt());

    const again = await record(stored, aReceipt());
    await record(stored, aReceipt({ outcome: 'error', body: 'no', at: NOON + 9_000 }));

    expect(again).toMatchObject({ recorded: 0, duplicates: 1 });
    expect(await found(stored)).toMatchObject({
      status: 'handled',
      receipt: { body: { turned: 'on' } },
    });
  });

  test("counts and ignores those of others' messages, of unknown ones and of an earlier time", async () => {
    const stored = await given({}, 'enqueued');

    const tally = await record(
      stored,
      aReceipt({ deviceId: 'device-2' }),
      aReceipt({ messageId: 'telemetry-7' }),
      aReceipt({ at: NOON - 6 * MINUTE }),
    );

    expect(tally).toEqual({ recorded: 0, duplicates: 0, notOurs: 2, tooOld: 1 });
    expect(await found(stored)).toMatchObject({ status: 'enqueued' });
  });

  test('keeps what a receipt says, up to its limit', async () => {
    const fits = await given({}, 'enqueued');
    const isTooLarge = await given({}, 'enqueued');

    await record(fits, aReceipt({ body: 'x'.repeat(MAX_RECEIPT_BYTES - 2) }));
    await record(isTooLarge, aReceipt({ body: 'x'.repeat(MAX_RECEIPT_BYTES - 1) }));

    expect((await found(fits))?.receipt?.body).toHaveLength(MAX_RECEIPT_BYTES - 2);
    expect(await found(isTooLarge)).toMatchObject({ status: 'handled' });
    expect(await found(isTooLarge)).not.toHaveProperty('receipt');
    expect((await found(isTooLarge))?.history.at(-1)?.detail).toContain('at most 32768');
  });
});

describe('The sweep', () => {
  const awaiting = { awaitReceiptMs: 10 * MINUTE };

  test('ends the wait for a receipt once its time is over, and tells it as an event', async () => {
    const stored = await given(awaiting, 'enqueued', 'delivered');
    const { events } = stored;

    const early = await sweep(stored, NOON + 10 * MINUTE);
    const isOpen = await stored.messages.hasOpenMessages();
    const late = await sweep(stored, NOON + 10 * MINUTE + 1_000);

    expect([early.withoutReceipt, isOpen, late.withoutReceipt]).toEqual([0, true, 1]);
    expect(await found(stored)).toMatchObject({ status: 'delivered', receiptOverdue: true });
    expect(await stored.messages.hasOpenMessages()).toBe(false);
    const [lane = ''] = events.lanes('device-1');
    const told = await events.read({ lane, since: 0, deviceId: 'device-1' });
    expect(told.events.map(({ status, final }) => [status, final])).toEqual([
      ['accepted', false],
      ['delivered', false],
      ['delivered', true],
    ]);
  });

  test('waits from the expiry on where the hub says nothing of the delivery', async () => {
    const stored = await given({ ...awaiting, ack: 'none' }, 'enqueued');
    const expiresAt = NOON + 60 * MINUTE;

    const early = await sweep(stored, expiresAt + 10 * MINUTE - 1);
    const late = await sweep(stored, expiresAt + 10 * MINUTE);

    expect([early.withoutReceipt, late.withoutReceipt]).toEqual([0, 1]);
    expect(await found(stored)).toMatchObject({ status: 'enqueued', receiptOverdue: true });
  });

  test('leaves alone what a receipt has ended', async () => {
    const stored = await given(awaiting, 'enqueued', 'delivered');
    await record(stored, aReceipt());

    expect(await stored.messages.hasOpenMessages()).toBe(false);
    expect((await sweep(stored, NOON + 48 * 60 * MINUTE)).withoutReceipt).toBe(0);
  });

  test('does not keep a receipt from being recorded that comes after the wait', async () => {
    const stored = await given(awaiting, 'enqueued', 'delivered');
    await sweep(stored, NOON + 11 * MINUTE);

    await record(stored, aReceipt({ at: NOON + 12 * MINUTE }));

    expect(await found(stored)).toMatchObject({ status: 'handled' });
  });
});
