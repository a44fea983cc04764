import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { FeedbackBatch, FeedbackSource } from '../../../../functions/messages/feedback.ts';
import { until } from '../../../support/until.ts';

export interface FeedbackHarness {
  /** A source of its own each time, as another instance of the app would have. */
  newSource(): FeedbackSource;
  /** Has the hub report on a message; each report is a batch of its own, at once. */
  report(messageId: string): void;
  /** Batches that wait at the hub or are locked there. */
  batchesAtHub(): { waiting: number; locked: number };
  /** Batches that the hub hands out before one is completed. */
  readonly maxLockedBatches: number;
  /** For what keeps a batch locked when its session is closed. */
  letLocksRunOut?(): void;
  stop(): Promise<void>;
}

/** Long enough for any hub, and ended by the first batch. */
const PATIENT = { waitMs: 5_000, maxBatches: 1 };
const SHORT = { waitMs: 60, maxBatches: 10 };

/** What every FeedbackSource must do, whatever it speaks. */
export function describeFeedbackSource(
  name: string,
  startHarness: () => Promise<FeedbackHarness>,
): void {
  describe(`${name}, as every FeedbackSource`, () => {
    let hub: FeedbackHarness;

    beforeEach(async () => {
      hub = await startHarness();
    });

    afterEach(async () => {
      await hub.stop();
    });

    const idsOf = (batches: readonly FeedbackBatch[]): string[] =>
      batches.flatMap(({ records }) => records.map(({ messageId }) => messageId));
    const untilWaiting = async (count: number): Promise<unknown> =>
      until(`${count} batches wait`, () => hub.batchesAtHub().waiting === count);

    test('waits as long as it is told to, and gives nothing if nothing comes', async () => {
      const session = await hub.newSource().open();
      const startedAt = performance.now();

      expect(await session.receive(SHORT)).toEqual([]);

      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(SHORT.waitMs - 5);
      await session.close();
    });

    test('gives at once what is there, with every field', async () => {
      hub.report('message-1');
      await untilWaiting(1);
      const session = await hub.newSource().open();

      const batches = await session.receive(PATIENT);

      expect(batches).toMatchObject([
        {
          records: [
            {
              messageId: 'message-1',
              deviceId: 'device-1',
              deviceGenerationId: expect.any(String),
              outcome: 'Success',
              description: expect.any(String),
              at: expect.any(Number),
            },
          ],
          unreadable: [],
        },
      ]);
      await session.close();
    });

    test('gives what comes during the wait, without waiting to its end', async () => {
      const session = await hub.newSource().open();
      const receiving = session.receive(PATIENT);
      hub.report('message-1');

      expect(idsOf(await receiving)).toEqual(['message-1']);
      await session.close();
    });

    test('takes as many batches as the hub hands out, and no more than it is told to', async () => {
      for (const id of ['a', 'b', 'c', 'd', 'e']) hub.report(id);
      await untilWaiting(5);
      const session = await hub.newSource().open();

      const first = await session.receive({ waitMs: 5_000, maxBatches: 2 });
      const second = await session.receive({ waitMs: 200, maxBatches: 10 });

      expect(idsOf(first)).toEqual(['a', 'b'].slice(0, hub.maxLockedBatches));
      expect(first.length + second.length).toBe(Math.min(5, hub.maxLockedBatches));
      await session.close();
    });

    test('keeps a batch from others until it is completed, and then it is gone', async () => {
      hub.report('message-1');
      const session = await hub.newSource().open();
      const [batch] = await session.receive(PATIENT);
      expect(hub.batchesAtHub()).toEqual({ waiting: 0, locked: 1 });
      expect(await session.receive(SHORT)).toEqual([]);

      await batch?.complete();

      expect(hub.batchesAtHub()).toEqual({ waiting: 0, locked: 0 });
      await session.close();
      const next = await hub.newSource().open();
      expect(await next.receive(SHORT)).toEqual([]);
      await next.close();
    });

    test('goes on with the next batch once the one before is completed', async () => {
      for (const id of ['a', 'b', 'c', 'd']) hub.report(id);
      const session = await hub.newSource().open();
      const seen: string[] = [];
      while (seen.length < 4) {
        const batches = await session.receive({ waitMs: 5_000, maxBatches: 3 });
        seen.push(...idsOf(batches));
        await Promise.all(batches.map(async (batch) => batch.complete()));
      }

      expect(seen).toEqual(['a', 'b', 'c', 'd']);
      expect(hub.batchesAtHub()).toEqual({ waiting: 0, locked: 0 });
      await session.close();
    });

    test('gives a batch again that was read and not completed', async () => {
      hub.report('message-1');
      const first = await hub.newSource().open();
      const before = await first.receive(PATIENT);
      await first.close();
      hub.letLocksRunOut?.();

      const second = await hub.newSource().open();
      const after = await second.receive(PATIENT);

      expect(idsOf(after)).toEqual(idsOf(before));
      await after[0]?.complete();
      await second.close();
    });

    test('cannot complete a batch once its session is closed, and says so', async () => {
      hub.report('message-1');
      const session = await hub.newSource().open();
      const [batch] = await session.receive(PATIENT);
      await session.close();

      await expect(batch?.complete()).rejects.toMatchObject({ code: 'hub-unavailable' });
    });

    test('wants nothing after a receive or a close: what comes then is for others', async () => {
      const source = hub.newSource();
      const idle = await source.open();
      await idle.receive(SHORT);
      const closed = await source.open();
      await closed.receive(SHORT);
      await closed.close();

      hub.report('message-1');
      await untilWaiting(1);
      const other = await hub.newSource().open();

      expect(idsOf(await other.receive(PATIENT))).toEqual(['message-1']);
      await Promise.all([idle.close(), other.close()]);
    });

    test('opens as often as it is asked to', async () => {
      const source = hub.newSource();
      for (const id of ['a', 'b', 'c']) {
        hub.report(id);
        const session = await source.open();
        const batches = await session.receive(PATIENT);
        await batches[0]?.complete();
        await session.close();
        expect(idsOf(batches)).toEqual([id]);
      }
    });
  });
}
