import { describe, expect, test } from '@jest/globals';
import { feedbackWakeUps } from '../../../functions/messages/feedback-wake-ups.ts';
import type {
  FeedbackWakeUps,
  WakeUp,
  WakeUpSchedule,
} from '../../../functions/messages/feedback-wake-ups.ts';
import { tableControlRow } from '../../../functions/storage/table-control-row.ts';
import { NOON } from '../../support/messages.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();

/** Several instances of the app over one storage, one queue and one clock. */
function aDeployment() {
  const store = tableControlRow<WakeUpSchedule>(storage().table, 'feedback-schedule');
  const clock = { now: NOON };
  const state = { open: true, tokens: 0 };
  const queued: (WakeUp & { delayMs: number })[] = [];
  const instance = (): FeedbackWakeUps =>
    feedbackWakeUps({
      store,
      queue: {
        enqueue: async (wakeUp, delayMs) => {
          queued.push({ ...wakeUp, delayMs });
        },
      },
      hasOpenMessages: async () => state.open,
      now: () => clock.now,
      newToken: () => `token-${(state.tokens += 1)}`,
    });
  const noDrain = async (): Promise<void> => undefined;
  /** Runs the newest wake-up when it is due. */
  const runNext = async (wakeUps: FeedbackWakeUps, drain = noDrain) => {
    const next = queued.at(-1);
    if (!next) throw new Error('nothing is queued');
    clock.now += next.delayMs;
    return wakeUps.run(next, drain);
  };
  return { instance, queued, clock, state, runNext, noDrain };
}

describe('request', () => {
  test('queues one wake-up a second later, however many ask in however many instances', async () => {
    const { instance, queued } = aDeployment();
    const instances = [instance(), instance(), instance()];

    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => instances[index % 3]?.request()),
    );

    expect(queued).toEqual([{ token: expect.any(String), dueAt: NOON + 1000, delayMs: 1000 }]);
  });

  test('brings forward a wake-up that is far off, which makes the other stale', async () => {
    const { instance, queued, runNext, noDrain } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();
    for (let run = 0; run < 4; run += 1) await runNext(wakeUps);
    const farOff = queued.at(-1);

    await wakeUps.request();

    expect(farOff?.delayMs).toBe(8000);
    expect(queued.at(-1)?.delayMs).toBe(1000);
    expect(farOff && (await wakeUps.run(farOff, noDrain))).toBe('stale');
  });

  test('replaces a wake-up that never came', async () => {
    const { instance, queued, clock } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();
    clock.now += 11_001;

    await wakeUps.request();

    expect(queued).toHaveLength(2);
  });

  test('does not push an overdue wake-up ahead of itself for ever', async () => {
    const { instance, queued, clock } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();

    for (let second = 0; second < 10; second += 1) {
      clock.now += 1000;
      await wakeUps.request();
    }

    expect(queued).toHaveLength(1);
  });

  test('does not starve a queue that is always late', async () => {
    const { instance, queued, clock, noDrain } = aDeployment();
    const wakeUps = instance();
    for (let second = 0; second < 60; second += 1) {
      await wakeUps.request();
      clock.now += 1000;
    }

    const first = queued[0];

    expect(queued.length).toBeGreaterThan(2);
    expect(first && (await wakeUps.run(first, noDrain))).toBe('ran');
  });
});

describe('restore', () => {
  test('plans a wake-up only if none is outstanding', async () => {
    const { instance, queued, clock } = aDeployment();
    const wakeUps = instance();
    await wakeUps.restore();
    await wakeUps.restore();
    expect(queued.map(({ delayMs }) => delayMs)).toEqual([60_000]);
    clock.now += 120_001;

    await wakeUps.restore();

    expect(queued).toHaveLength(2);
  });
});

describe('run', () => {
  test('comes after 1, 2, 4, 8, 15, 15 … seconds for two minutes, then every minute', async () => {
    const { instance, queued, runNext } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();

    for (let run = 0; run < 14; run += 1) await runNext(wakeUps);

    expect(queued.map(({ delayMs }) => delayMs / 1000)).toEqual([
      1, 1, 2, 4, 8, 15, 15, 15, 15, 15, 15, 15, 60, 60, 60,
    ]);
  });

  test('ends when nothing is open', async () => {
    const { instance, queued, state, runNext } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();
    state.open = false;

    await runNext(wakeUps);

    expect(queued).toHaveLength(1);
  });

  test('begins anew with a send while it runs', async () => {
    const { instance, queued, runNext } = aDeployment();
    const wakeUps = instance();
    const other = instance();
    await wakeUps.request();

    await runNext(wakeUps, async () => other.request());

    expect(queued).toHaveLength(2);
    expect(queued.at(-1)?.delayMs).toBe(1000);
  });

  test('runs again when it was interrupted', async () => {
    const { instance, queued, runNext, clock } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();
    const never = new Promise<void>(() => undefined);
    const drained: string[] = [];
    void runNext(wakeUps, async () => {
      drained.push('first');
      await never;
    });
    while (drained.length === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.now += 30_000;

    const [interrupted] = queued;
    if (!interrupted) throw new Error('nothing is queued');
    const result = await instance().run(interrupted, async () => {
      drained.push('second');
    });

    expect(result).toBe('ran');
    expect(drained).toEqual(['first', 'second']);
    expect(queued).toHaveLength(2);
  });

  test('plans the next one even if the drain fails, and says so', async () => {
    const { instance, queued, runNext } = aDeployment();
    const wakeUps = instance();
    await wakeUps.request();
    const failure = new Error('storage is away');

    await expect(
      runNext(wakeUps, async () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(queued).toHaveLength(2);
  });
});
