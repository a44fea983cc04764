import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../../functions/errors.ts';
import { queueMessage } from '../../../../functions/messages/dispatch/queue-message.ts';
import { aSendRequest, NOON } from '../../../support/messages.ts';
import { useStorage } from '../../../support/storage.ts';
import { aDispatch, DEVICE, refuse } from './a-dispatch.ts';

const storage = useStorage();

describe('queueMessage', () => {
  test('stores the message with its body, and wakes the dispatch of its device', async () => {
    const { queue, backlog, wakeUps } = aDispatch(storage);

    const { message, replayed } = await queue('one');

    expect(replayed).toBe(false);
    expect(message).toMatchObject({ status: 'accepted', createdAt: NOON });
    expect(message).not.toHaveProperty('body');
    expect((await backlog.read(DEVICE, 5))?.entries).toEqual([
      {
        deviceId: DEVICE,
        messageId: 'one',
        acceptedAt: NOON,
        body: Buffer.from('{"on":true}'),
      },
    ]);
    expect(wakeUps).toEqual([{ deviceId: DEVICE, delayMs: 0 }]);
  });

  test('answers repeats with the message there is; other content is refused', async () => {
    const { queue, run, backlog, sentIds } = aDispatch(storage);
    const [first, ...repeats] = await Promise.all(
      Array.from({ length: 1000 }, async () => queue('one')),
    );
    await expect(queue('one', { body: Buffer.from('other') })).rejects.toMatchObject({
      code: 'idempotency-conflict',
    });
    await run();
    const late = await queue('one');

    expect(repeats.every(({ replayed }) => replayed)).toBe(true);
    expect(first?.replayed).toBe(false);
    expect(repeats[998]?.message).toEqual(first?.message);
    expect(late).toMatchObject({ replayed: true, message: { status: 'enqueued' } });
    expect(await backlog.count(DEVICE)).toBe(0);
    expect(sentIds()).toEqual(['one']);
  });

  test('makes one of many repeats of a failed message a new try, with the body anew', async () => {
    const { queue, run, answers, sent, message } = aDispatch(storage);
    await queue('one');
    answers.push(refuse('device-not-found'));
    await run();

    const repeats = await Promise.all(Array.from({ length: 5 }, async () => queue('one')));
    await run();

    expect(repeats.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(sent.map(({ body }) => body.toString())).toEqual(['{"on":true}', '{"on":true}']);
    expect(await message('one')).toMatchObject({ status: 'enqueued', attempt: 2 });
  });

  test('orders what many instances accept at the same time, though their clocks differ', async () => {
    const clocks = [0, -3_000, 3_000];
    const first = aDispatch(storage);
    const { table } = first;
    const { messageTransactions } =
      await import('../../../../functions/storage/message-transactions.ts');
    const { tableBacklog } = await import('../../../../functions/storage/table-backlog.ts');
    const accepted: { messageId: string; createdAt: number }[] = [];
    await Promise.all(
      clocks.map(async (skewMs, instance) => {
        const now = () => NOON + skewMs;
        const rows = messageTransactions({ table, dueAt: () => undefined, now });
        const backlog = tableBacklog({ table, rows, now });
        for (let index = 0; index < 5; index += 1) {
          const { message } = await queueMessage(
            {
              store: first.store,
              backlog,
              requestDispatch: async () => undefined,
              wakeUps: first.dependencies.wakeUps,
              now,
              warn: first.dependencies.warn,
            },
            aSendRequest({ messageId: `${instance}-${index}` }),
          );
          accepted.push(message);
        }
      }),
    );

    await first.run();

    const byTime = accepted.toSorted((a, b) => a.createdAt - b.createdAt);
    expect(new Set(byTime.map(({ createdAt }) => createdAt)).size).toBe(15);
    expect(first.sentIds()).toEqual(byTime.map(({ messageId }) => messageId));
    for (const instance of ['0', '1', '2']) {
      const own = first.sentIds().filter((id) => id.startsWith(instance));
      expect(own).toEqual(own.toSorted());
    }
  });

  test('is done once the message is stored: a wake-up that fails costs time only', async () => {
    const { dependencies, store, backlog, warnings } = aDispatch(storage);

    const { message } = await queueMessage(
      {
        ...dependencies,
        store,
        backlog,
        requestDispatch: async () => {
          throw new DownlinkError('storage-unavailable', 'The queue is away.');
        },
      },
      aSendRequest(),
    );

    expect(message.status).toBe('accepted');
    expect(warnings).toEqual(['dispatch.wake-up-not-requested']);
  });

  test.each([
    ['over 64 KB', { body: Buffer.alloc(65_536) }, 'message-too-large'],
    ['expired already', { expiry: { expiresAt: NOON } }, 'invalid-request'],
  ])('refuses what is %s, and stores nothing', async (_, overrides, code) => {
    const { queue, message, wakeUps } = aDispatch(storage);

    await expect(queue('one', overrides)).rejects.toMatchObject({ code });
    expect(await message('one')).toBeUndefined();
    expect(wakeUps).toEqual([]);
  });
});
