import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import { withFact } from '../../../functions/messages/lifecycle.ts';
import type {
  Message,
  MessageSender,
  OutgoingMessage,
} from '../../../functions/messages/message.ts';
import { sendMessage } from '../../../functions/messages/send-message.ts';
import type { SendMessageDependencies } from '../../../functions/messages/send-message.ts';
import { aSendRequest, NOON } from '../../support/messages.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();

/** A hub that answers as told, in order, and takes everything after that. */
function aSender(...answers: (() => Promise<void>)[]): MessageSender & { sent: OutgoingMessage[] } {
  const sent: OutgoingMessage[] = [];
  return {
    sent,
    send: async (message) => {
      sent.push(message);
      await answers.shift()?.();
    },
  };
}

function setUp(sender = aSender(), overrides: Partial<SendMessageDependencies> = {}) {
  const { messages } = storage();
  const clock = { now: NOON };
  let owners = 0;
  const warnings: string[] = [];
  const dependencies: SendMessageDependencies = {
    store: messages,
    sender,
    wakeUps: { request: async () => undefined },
    now: () => clock.now,
    newOwner: () => `owner-${(owners += 1)}`,
    handOverMs: 30_000,
    warn: (event) => warnings.push(event),
    ...overrides,
  };
  const send = async (request = aSendRequest()) => sendMessage(dependencies, request);
  const stored = async () => (await messages.find(aSendRequest()))?.message;
  return { send, stored, clock, sender, messages, warnings };
}

const refuse = (code: 'throttled' | 'device-not-found') => async () => {
  throw new DownlinkError(code, 'The hub says no.');
};
const doubt = async () => {
  throw new DownlinkError('hub-outcome-unknown', 'The hub did not say.');
};

describe('sendMessage', () => {
  test('records the message before anything is sent', async () => {
    const seen: unknown[] = [];
    const { send, stored } = setUp(
      aSender(async () => {
        seen.push((await stored())?.status);
      }),
    );

    const { message, replayed } = await send();

    expect(seen).toEqual(['accepted']);
    expect(replayed).toBe(false);
    expect(message.status).toBe('enqueued');
    expect(await stored()).toEqual(message);
  });

  test('hands over an absolute expiry always', async () => {
    const { send, sender } = setUp();

    await send(aSendRequest({ expiry: { ttlSeconds: 60 } }));

    expect(sender.sent[0]).toMatchObject({ expiresAt: NOON + 60_000, ack: 'full' });
  });

  test('sends nothing when the storage is away', async () => {
    const away = async () => {
      throw new DownlinkError('storage-unavailable', 'away');
    };
    const sender = aSender();
    const { send } = setUp(sender, { store: { insert: away, find: away, change: away } });

    await expect(send()).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(sender.sent).toEqual([]);
  });

  test('answers a repeat of the same content with the message there is, and sends nothing', async () => {
    const { send, sender } = setUp();
    const first = await send();

    const second = await send();

    expect(second).toEqual({ message: first.message, replayed: true });
    expect(sender.sent).toHaveLength(1);
  });

  test.each([
    ['another body', aSendRequest({ body: Buffer.from('other') })],
    ['another property', aSendRequest({ properties: { Property: 'other' } })],
    ['another time to live', aSendRequest({ expiry: { ttlSeconds: 61 } })],
    ['another acknowledgement', aSendRequest({ ack: 'none' })],
  ])('refuses the id for %s', async (_, request) => {
    const { send, sender } = setUp();
    await send();

    await expect(send(request)).rejects.toMatchObject({ code: 'idempotency-conflict' });
    expect(sender.sent).toHaveLength(1);
  });

  test('takes properties in another order for the same content', async () => {
    const { send } = setUp();
    await send(aSendRequest({ properties: { a: '1', b: '2' } }));

    const second = await send(aSendRequest({ properties: { b: '2', a: '1' } }));

    expect(second.replayed).toBe(true);
  });

  test('hands one of 200 sends at once to the hub', async () => {
    const { send, sender } = setUp();

    const results = await Promise.all(Array.from({ length: 200 }, async () => send()));

    expect(sender.sent).toHaveLength(1);
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  test('keeps the refusal of the hub and makes a repeat a new try', async () => {
    const { send, stored, sender } = setUp(aSender(refuse('throttled')));

    await expect(send()).rejects.toMatchObject({ code: 'throttled' });
    expect(await stored()).toMatchObject({
      status: 'failed',
      failure: { code: 'throttled', detail: 'The hub says no.' },
    });
    const again = await send();

    expect(again.replayed).toBe(false);
    expect(again.message).toMatchObject({ status: 'enqueued', attempt: 2 });
    expect(again.message.history.map(({ status }) => status)).toEqual([
      'accepted',
      'accepted',
      'enqueued',
      'failed',
    ]);
    expect(sender.sent).toHaveLength(2);
  });

  test('leaves a message in doubt as accepted, and sends no repeat before the lease is over', async () => {
    const { send, stored, sender, clock } = setUp(aSender(doubt));

    await expect(send()).rejects.toMatchObject({ code: 'hub-outcome-unknown' });
    clock.now += 29_999;
    const early = await send();

    expect(early).toMatchObject({ replayed: true, message: { status: 'accepted' } });
    expect((await stored())?.handOver?.until).toBe(NOON + 30_000);
    expect(sender.sent).toHaveLength(1);
  });

  test('gives the repeat after the lease to exactly one of many', async () => {
    const { send, sender, clock } = setUp(aSender(doubt));
    await expect(send()).rejects.toMatchObject({ code: 'hub-outcome-unknown' });
    clock.now += 30_000;

    const results = await Promise.all(Array.from({ length: 50 }, async () => send()));

    expect(sender.sent).toHaveLength(2);
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(results.find(({ replayed }) => !replayed)?.message.attempt).toBe(2);
  });

  test('lets feedback that was faster than the hub’s answer stand', async () => {
    const sender = aSender(async () => {
      const change = (message: Message) =>
        withFact(message, { status: 'delivered', at: NOON }, NOON);
      await messages.changeMany([{ ...aSendRequest(), change }]);
    });
    const { send, stored, messages } = setUp(sender);

    await expect(send()).resolves.toMatchObject({ message: { status: 'delivered' } });
    expect((await stored())?.history.map(({ status }) => status)).toEqual([
      'accepted',
      'enqueued',
      'delivered',
    ]);
  });

  test('says that the hub has the message even if that could not be recorded', async () => {
    const { messages } = storage();
    const { send, warnings } = setUp(aSender(), {
      store: {
        insert: async (message) => messages.insert(message),
        find: async (key) => messages.find(key),
        change: async () => {
          throw new DownlinkError('storage-unavailable', 'away');
        },
      },
    });

    await expect(send()).resolves.toMatchObject({ message: { status: 'enqueued' } });
    expect(warnings).toEqual(['message.enqueued-not-recorded']);
  });

  test('sends nothing when storing took so long that a repeat might begin meanwhile', async () => {
    const { messages } = storage();
    const clock = { now: NOON };
    const { send, sender } = setUp(aSender(), {
      now: () => clock.now,
      store: {
        insert: async (message) => {
          clock.now += 15_001;
          return messages.insert(message);
        },
        find: async (key) => messages.find(key),
        change: async (stored, change) => messages.change(stored, change),
      },
    });

    await expect(send()).rejects.toMatchObject({ code: 'storage-unavailable' });

    expect(sender.sent).toEqual([]);
    expect((await messages.find(aSendRequest()))?.message).toMatchObject({
      status: 'failed',
      failure: { code: 'storage-unavailable' },
    });
  });

  test('refuses what is over 64 KB before anything is stored', async () => {
    const { send, stored } = setUp();

    await expect(send(aSendRequest({ body: Buffer.alloc(65_536) }))).rejects.toMatchObject({
      code: 'message-too-large',
    });
    expect(await stored()).toBeUndefined();
  });

  test.each([
    ['in the past', NOON - 1],
    ['less than a second away', NOON + 999],
    ['over two days away', NOON + 48 * 3_600_000 + 1],
  ])('refuses an expiry %s', async (_, expiresAt) => {
    const { send, stored } = setUp();

    await expect(send(aSendRequest({ expiry: { expiresAt } }))).rejects.toMatchObject({
      code: 'invalid-request',
      faults: [{ path: 'body.expiresAt' }],
    });
    expect(await stored()).toBeUndefined();
  });

  test('answers a repeat whose expiry has passed meanwhile', async () => {
    const { send, clock } = setUp();
    const request = aSendRequest({ expiry: { expiresAt: NOON + 60_000 } });
    await send(request);
    clock.now += 120_000;

    expect(await send(request)).toMatchObject({ replayed: true });
  });
});
