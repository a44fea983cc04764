import { describe, expect, test } from '@jest/globals';
import { backlogCare } from '../../../../functions/messages/dispatch/backlog-care.ts';
import { sweepMessages } from '../../../../functions/messages/sweep-messages.ts';
import { purgeMessages } from '../../../../functions/messages/purge-messages.ts';
import { NOON } from '../../../support/messages.ts';
import { FEEDBACK_TTL_MS, useStorage } from '../../../support/storage.ts';
import { aDispatch, DEVICE, refuse } from './a-dispatch.ts';

const storage = useStorage();

function setUp() {
  const dispatch = aDispatch(storage);
  const { dependencies, store, clock, wakeUps } = dispatch;
  const care = backlogCare(dependencies);
  const hub = { queued: 0, purges: 0 };
  return {
    ...dispatch,
    care,
    hub,
    sweep: async () =>
      sweepMessages({
        store,
        backlogs: care,
        now: () => clock.now,
        feedbackTtlMs: FEEDBACK_TTL_MS,
      }),
    purge: async () =>
      purgeMessages(
        {
          ...dependencies,
          requestDispatch: async (deviceId) => {
            wakeUps.push({ deviceId, delayMs: 0 });
          },
          purger: {
            purge: async () => {
              hub.purges += 1;
              return hub.queued;
            },
          },
        },
        DEVICE,
      ),
  };
}

describe('the sweep', () => {
  test('expires what waits behind others that are put off', async () => {
    const { queue, run, answers, clock, sweep, message, backlog } = setUp();
    await queue('long');
    await queue('short', { expiry: { ttlSeconds: 60 } });
    answers.push(refuse('device-queue-full'));
    await run();
    clock.now += 60_001;

    expect(await sweep()).toEqual({ unknown: 0, expired: 1, withoutReceipt: 0, overdue: [] });
    expect(await message('short')).toMatchObject({ status: 'expired' });
    expect(await message('long')).toMatchObject({ status: 'deferred' });
    expect(await backlog.count(DEVICE)).toBe(1);
  });

  test('leaves alone what is being handed over at this moment', async () => {
    const { queue, run, answers, clock, sweep, message } = setUp();
    await queue('one', { expiry: { ttlSeconds: 10 } });
    answers.push(async () => {
      clock.now += 11_000;
      await sweep();
    });

    await run();

    expect((await message('one'))?.history.map(({ status }) => status)).toEqual([
      'accepted',
      'enqueued',
    ]);
  });
});

describe('rescue', () => {
  test('wakes devices whose wake-up got lost, each once a minute, and no others', async () => {
    const { queue, care, clock, wakeUps, run } = setUp();
    await queue('one');
    await queue('other', { deviceId: 'device-2' });
    await run({ deviceId: 'device-2' });
    wakeUps.length = 0;
    clock.now += 60_000;
    const early = await care.rescue();
    clock.now += 1;

    const counts = [early, await care.rescue(), await care.rescue()];

    expect(counts).toEqual([0, 1, 0]);
    expect(wakeUps).toEqual([{ deviceId: DEVICE, delayMs: 0 }]);
  });

  test('knows that another try is planned', async () => {
    const { queue, run, answers, care, clock } = setUp();
    await queue('one');
    answers.push(refuse('quota-exceeded'));
    await run();
    clock.now += 5 * 60_000;

    expect(await care.rescue()).toBe(0);
  });
});

describe('roomMade', () => {
  test('wakes only devices that wait for room', async () => {
    const { queue, run, answers, care, wakeUps } = setUp();
    await care.roomMade(new Set([DEVICE]));
    await queue('one');
    await queue('two', { deviceId: 'device-2' });
    answers.push(refuse('device-queue-full'));
    await run();
    wakeUps.length = 0;

    await care.roomMade(new Set([DEVICE, 'device-2', 'device-3']));

    expect(wakeUps).toEqual([{ deviceId: DEVICE, hasRoom: true, delayMs: 0 }]);
  });
});

describe('purgeMessages', () => {
  test('purges what waits here and at the hub', async () => {
    const { queue, purge, hub, message, backlog, sentIds, run } = setUp();
    const ids = Array.from({ length: 10 }, (_, index) => `m-${index}`);
    for (const id of ids) await queue(id);
    hub.queued = 3;

    expect(await purge()).toEqual({ purged: 3, deferredPurged: 10 });
    expect(await message('m-9')).toMatchObject({
      status: 'purged',
      history: [{}, { status: 'purged', detail: expect.stringMatching(/before the hand-over/) }],
    });
    expect(await backlog.count(DEVICE)).toBe(0);
    expect(await run()).toMatchObject({ handedOver: 0 });
    expect(sentIds()).toEqual([]);
    expect(await backlog.read(DEVICE, 1)).toBeUndefined();
  });

  test('in the middle of a dispatch, stops it before the next message and says nothing untrue', async () => {
    const { queue, purge, run, answers, message, sentIds } = setUp();
    for (const id of ['one', 'two', 'three']) await queue(id, { ack: 'none' });
    const results: unknown[] = [];
    answers.push(async () => {
      results.push(await purge());
    });

    await run();

    expect(results).toEqual([{ purged: 0, deferredPurged: 2 }]);
    expect(sentIds()).toEqual(['one']);
    expect((await message('one'))?.status).toBe('enqueued');
    expect((await message('two'))?.status).toBe('purged');
  });

  test('takes what the hub handed back meanwhile as well', async () => {
    const { queue, purge, run, answers, message, hub } = setUp();
    await queue('one');
    let purging: Promise<unknown> = Promise.resolve();
    answers.push(async () => {
      purging = purge();
      while (hub.purges === 0) await new Promise((resolve) => setImmediate(resolve));
      await refuse('device-queue-full')();
    });

    await run();
    await purging;
    const result = await purge();

    expect(result).toMatchObject({ purged: 0 });
    expect((await message('one'))?.status).toBe('purged');
  });

  test('says unknown of what the hub may have', async () => {
    const { queue, purge, run, answers, message } = setUp();
    await queue('one');
    answers.push(refuse('hub-outcome-unknown'));
    await run();

    expect(await purge()).toMatchObject({ deferredPurged: 1 });
    expect(await message('one')).toMatchObject({ status: 'unknown', createdAt: NOON });
  });
});
