import { describe, expect, test } from '@jest/globals';
import { withFact } from '../../../../functions/messages/lifecycle.ts';
import { useStorage } from '../../../support/storage.ts';
import { NOON } from '../../../support/messages.ts';
import { aDispatch, DEVICE, refuse } from './a-dispatch.ts';

const storage = useStorage();

describe('dispatchDevice', () => {
  test('hands over in the order of acceptance, whole, and keeps no body', async () => {
    const { queue, run, sent, sentIds, message, backlog } = aDispatch(storage);
    const body = Buffer.alloc(60_000, 'ä');
    await queue('b', { body });
    await queue('a');
    await queue('c');

    const report = await run();

    expect(sentIds()).toEqual(['b', 'a', 'c']);
    expect(report).toEqual({ handedOver: 3, failed: 0, expired: 0 });
    expect(sent[0]).toEqual({
      deviceId: DEVICE,
      messageId: 'b',
      body,
      contentType: 'application/json',
      properties: { Property: 'PropMsg_0' },
      ack: 'full',
      expiresAt: NOON + 3_600_000,
    });
    expect(await message('b')).toMatchObject({ status: 'enqueued', attempt: 1 });
    expect(await message('b')).not.toHaveProperty('backlog');
    expect(await backlog.count(DEVICE)).toBe(0);
    expect(await backlog.read(DEVICE, 1)).toBeUndefined();
  });

  test('goes on with what joins while it runs, and with more than one page', async () => {
    const { queue, run, sentIds, answers } = aDispatch(storage);
    for (let index = 0; index < 20; index += 1) await queue(`m-${index}`);
    answers.push(async () => {
      await queue('late');
    });

    expect(await run()).toMatchObject({ handedOver: 21 });
    expect(sentIds()).toEqual([...Array.from({ length: 20 }, (_, index) => `m-${index}`), 'late']);
  });

  test('has one of many at a time, and hands over once', async () => {
    const { queue, run, sentIds } = aDispatch(storage);
    const ids = Array.from({ length: 12 }, (_, index) => `m-${index}`);
    for (const id of ids) await queue(id);

    const reports = await Promise.all(Array.from({ length: 8 }, async () => run()));

    expect(sentIds()).toEqual(ids);
    const others = reports.filter((report) => typeof report === 'string' || report.isLost);
    expect(others).toHaveLength(7);
  });

  test('stops before the next message when it lost the lease meanwhile, and repeats the one in doubt', async () => {
    const { queue, run, sentIds, answers, clock, message } = aDispatch(storage);
    await queue('one');
    await queue('two');
    answers.push(async () => {
      // Longer than any lease: another takes over, while the first still waits for the hub.
      clock.now += 61_000;
      await run();
    });

    const first = await run();

    expect(sentIds()).toEqual(['one', 'one', 'two']);
    expect(first).toMatchObject({ isLost: true });
    expect(await message('one')).toMatchObject({ status: 'enqueued', attempt: 2 });
    expect(await message('two')).toMatchObject({ status: 'enqueued', attempt: 1 });
  });

  test.each(['device-queue-full', 'throttled', 'hub-unavailable', 'quota-exceeded'] as const)(
    'defers what waits when the hub says %s, and tries again in the same order',
    async (code) => {
      const { queue, run, sentIds, answers, clock, message, wakeUps } = aDispatch(storage);
      await queue('one');
      await queue('two');
      answers.push(refuse(code));

      const report = await run();

      const deferred = { status: 'deferred', history: [{}, { status: 'deferred', detail: code }] };
      expect(await message('one')).toMatchObject(deferred);
      expect(await message('two')).toMatchObject(deferred);
      const again = wakeUps.at(-1);
      if (again?.retryAt === undefined) throw new Error('no other try is planned');
      expect(report).toMatchObject({ deferred: { code, retryAt: again.retryAt } });
      expect(await run()).toBe('not-yet');
      clock.now = again.retryAt;
      expect(await run({ retryAt: again.retryAt })).toMatchObject({ handedOver: 2 });
      expect(sentIds()).toEqual(['one', 'one', 'two']);
      expect((await message('two'))?.history.map(({ status }) => status)).toEqual([
        'accepted',
        'deferred',
        'enqueued',
      ]);
    },
  );

  test('waits longer each time that a queue stays full, and tells the story once', async () => {
    const { queue, run, answers, clock, message, wakeUps } = aDispatch(storage);
    await queue('one', { expiry: { ttlSeconds: 48 * 3600 } });
    const delays: number[] = [];
    for (let tries = 0; tries < 10; tries += 1) {
      answers.push(refuse('device-queue-full'));
      const { retryAt } = wakeUps.at(-1) ?? {};
      await run(retryAt === undefined ? {} : { retryAt });
      delays.push((wakeUps.at(-1)?.delayMs ?? 0) / 1000);
      clock.now += wakeUps.at(-1)?.delayMs ?? 0;
    }

    expect(delays).toEqual([1, 2, 4, 8, 15, 30, 60, 120, 300, 300]);
    expect((await message('one'))?.history).toHaveLength(2);
  });

  test('tries at once when the hub has room again', async () => {
    const { queue, run, answers } = aDispatch(storage);
    await queue('one');
    answers.push(refuse('device-queue-full'));
    await run();

    expect(await run({ hasRoom: true })).toMatchObject({ handedOver: 1 });
  });

  test('fails what the hub refuses for good, and goes on with the next', async () => {
    const { queue, run, answers, message, sentIds } = aDispatch(storage);
    await queue('bad');
    await queue('good');
    answers.push(refuse('message-too-large'));

    expect(await run()).toMatchObject({ handedOver: 1, failed: 1 });
    expect(await message('bad')).toMatchObject({
      status: 'failed',
      failure: { code: 'message-too-large', detail: 'The hub says no.' },
    });
    expect(sentIds()).toEqual(['bad', 'good']);
  });

  test('repeats with the same id when the hub did not say whether it took the message', async () => {
    const { queue, run, answers, clock, message, sentIds, wakeUps } = aDispatch(storage);
    await queue('one');
    answers.push(refuse('hub-outcome-unknown'));
    await run();
    const doubtful = await message('one');
    clock.now += 10_000;
    await run({ retryAt: wakeUps.at(-1)?.retryAt ?? 0 });

    expect(doubtful).toMatchObject({ status: 'deferred', backlog: { inDoubt: true } });
    expect(sentIds()).toEqual(['one', 'one']);
    expect(await message('one')).toMatchObject({ status: 'enqueued', attempt: 2 });
  });

  test('expires what waited too long, without handing it over', async () => {
    const { queue, run, clock, message, sentIds } = aDispatch(storage);
    await queue('short', { expiry: { ttlSeconds: 5 } });
    await queue('long');
    clock.now += 5_000;

    expect(await run()).toMatchObject({ handedOver: 1, expired: 1 });
    expect(sentIds()).toEqual(['long']);
    expect(await message('short')).toMatchObject({
      status: 'expired',
      history: [{}, { status: 'expired', detail: expect.stringMatching(/before the hand-over/) }],
    });
  });

  test('does not say expired of a message that the hub may have: a repeat is a new try then', async () => {
    const { queue, run, answers, clock, message, sentIds } = aDispatch(storage);
    await queue('one', { expiry: { ttlSeconds: 5 }, ack: 'none' });
    answers.push(refuse('hub-outcome-unknown'));
    await run();
    clock.now += 5_000;

    await run({ hasRoom: true });
    const unknown = await message('one');
    const again = await queue('one', { expiry: { ttlSeconds: 5 }, ack: 'none' });
    await run();

    expect(unknown).toMatchObject({ status: 'unknown' });
    expect(again).toMatchObject({ replayed: false, message: { status: 'accepted', attempt: 2 } });
    expect(await message('one')).toMatchObject({ status: 'enqueued', attempt: 2 });
    expect(sentIds()).toEqual(['one', 'one']);
  });

  test('lets feedback win that comes before the hub’s answer is recorded', async () => {
    const { queue, run, answers, store, message } = aDispatch(storage);
    await queue('one');
    await queue('two');
    answers.push(async ({ deviceId, messageId }) => {
      await store.changeMany([
        {
          deviceId,
          messageId,
          change: (current) => withFact(current, { status: 'delivered', at: NOON + 5 }, NOON + 5),
        },
      ]);
    });

    expect(await run()).toMatchObject({ handedOver: 2 });
    expect((await message('one'))?.history.map(({ status }) => status)).toEqual([
      'accepted',
      'enqueued',
      'delivered',
    ]);
  });

  test('fails a message whose body cannot be read any more', async () => {
    const { queue, run, table, message, sentIds } = aDispatch(storage);
    await queue('broken');
    await queue('whole');
    const { partitionOf, backlogRowKey } =
      await import('../../../../functions/storage/table-keys.ts');
    const key = { deviceId: DEVICE, messageId: 'broken', acceptedAt: NOON };
    await table.transact([
      [
        'update',
        { partitionKey: partitionOf(DEVICE), rowKey: backlogRowKey(key), body0: 'abc' },
        'Merge',
        { etag: '*' },
      ],
    ]);

    expect(await run()).toMatchObject({ handedOver: 1, failed: 1 });
    expect(await message('broken')).toMatchObject({
      status: 'failed',
      failure: { code: 'internal' },
    });
    expect(sentIds()).toEqual(['whole']);
  });

  test('ends a run that takes long, and asks for another', async () => {
    const { queue, run, answers, clock, wakeUps } = aDispatch(storage);
    await queue('one');
    await queue('two');
    answers.push(async () => {
      clock.now += 20_001;
    });

    expect(await run()).toMatchObject({ handedOver: 1 });
    expect(wakeUps.at(-1)).toMatchObject({ deviceId: DEVICE, delayMs: 0 });
    expect(await run()).toMatchObject({ handedOver: 1 });
  });
});

describe('a crash between the hand-over and its record', () => {
  const crash = async (): Promise<never> => new Promise(() => undefined);

  test('makes the next one repeat that message alone, with the same id, once the lease is over', async () => {
    const { queue, run, answers, clock, sentIds, message } = aDispatch(storage);
    await queue('one');
    await queue('two');
    await queue('three');
    answers.push(async () => undefined, crash);
    void run();
    while (sentIds().length < 2) await new Promise((resolve) => setImmediate(resolve));

    expect(await run()).toBe('another-dispatches');
    clock.now += 60_001;
    expect(await run()).toMatchObject({ handedOver: 2 });

    expect(sentIds()).toEqual(['one', 'two', 'two', 'three']);
    expect((await message('one'))?.attempt).toBe(1);
    expect((await message('two'))?.attempt).toBe(2);
  });

  test('leaves unknown what expires before the next try', async () => {
    const { queue, run, answers, clock, sentIds, message } = aDispatch(storage);
    await queue('one', { expiry: { ttlSeconds: 30 } });
    answers.push(crash);
    void run();
    while (sentIds().length < 1) await new Promise((resolve) => setImmediate(resolve));
    clock.now += 60_001;

    expect(await run()).toMatchObject({ handedOver: 0, expired: 1 });
    expect(await message('one')).toMatchObject({ status: 'unknown' });
  });
});
