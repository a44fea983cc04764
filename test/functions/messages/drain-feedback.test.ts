import { describe, expect, test } from '@jest/globals';
import { drainFeedback } from '../../../functions/messages/drain-feedback.ts';
import type {
  FeedbackBatch,
  FeedbackRecord,
  FeedbackSource,
} from '../../../functions/messages/feedback.ts';
import { messageWatch } from '../../../functions/messages/message-watch.ts';
import type { BacklogCare } from '../../../functions/messages/dispatch/backlog-care.ts';
import type { MessageStore } from '../../../functions/messages/message-store.ts';
import { DownlinkError } from '../../../functions/errors.ts';
import { aMessage, NOON } from '../../support/messages.ts';
import { FEEDBACK_TTL_MS, useStorage } from '../../support/storage.ts';

const storage = useStorage();

function aRecord(overrides: Partial<FeedbackRecord> = {}): FeedbackRecord {
  return {
    deviceId: 'device-1',
    messageId: 'message-1',
    outcome: 'Success',
    description: 'Success',
    at: NOON + 1000,
    ...overrides,
  };
}

/** A hub's feedback queue as the port promises it: what is not completed comes again with the next session. */
function aSource(batches: { records: FeedbackRecord[]; unreadable?: string[] }[]) {
  const waiting = [...batches];
  const log: string[] = [];
  const source: FeedbackSource = {
    open: async () => {
      const locked = new Set<(typeof batches)[number]>();
      return {
        receive: async ({ maxBatches }) => {
          const taken = waiting.filter((batch) => !locked.has(batch)).slice(0, maxBatches);
          return taken.map((batch): FeedbackBatch => {
            locked.add(batch);
            return {
              records: batch.records,
              unreadable: batch.unreadable ?? [],
              complete: async () => {
                log.push('completed');
                waiting.splice(waiting.indexOf(batch), 1);
              },
            };
          });
        },
        close: async () => {
          log.push('closed');
        },
      };
    },
  };
  return { source, waiting, log };
}

const drain = async (
  source: FeedbackSource,
  store: Pick<MessageStore, 'changeMany'>,
  onOutcomes = async (_deviceIds: ReadonlySet<string>): Promise<void> => undefined,
) =>
  drainFeedback(
    { source, store, onOutcomes, now: () => NOON + 2000 },
    { forMs: 30_000, listenMs: 2000, listenUntil: () => NOON + 4000 },
  );

describe('drainFeedback', () => {
  test.each([
    ['Success', 'delivered'],
    ['Expired', 'expired'],
    ['DeliveryCountExceeded', 'deliveryCountExceeded'],
    ['Rejected', 'rejected'],
    ['Purged', 'purged'],
  ] as const)('records %s as %s', async (outcome, status) => {
    const { messages } = storage();
    await messages.insert(aMessage());
    const { source, waiting } = aSource([{ records: [aRecord({ outcome })] }]);

    const tally = await drain(source, messages);

    expect((await messages.find(aMessage()))?.message.status).toBe(status);
    expect(tally).toMatchObject({ batches: 1, recorded: 1 });
    expect(waiting).toEqual([]);
  });

  test('settles a batch only after it is stored', async () => {
    const { source, log, waiting } = aSource([{ records: [aRecord()] }]);
    const away = {
      changeMany: async () => {
        throw new DownlinkError('storage-unavailable', 'away');
      },
    };

    await expect(drain(source, away)).rejects.toMatchObject({ code: 'storage-unavailable' });

    expect(log).toEqual(['closed']);
    expect(waiting).toHaveLength(1);
  });

  test('stores the good records of a batch with a broken one, and counts that by its code', async () => {
    const { messages } = storage();
    const ids = Array.from({ length: 63 }, (_, index) => `message-${index}`);
    await Promise.all(ids.map(async (messageId) => messages.insert(aMessage({ messageId }))));
    const records = ids.map((messageId) => aRecord({ messageId }));
    const { source, waiting } = aSource([{ records, unreadable: ['status-code'] }]);

    const tally = await drain(source, messages);

    expect(tally).toMatchObject({ recorded: 63, unreadable: { 'status-code': 1 } });
    expect(waiting).toEqual([]);
  });

  test('counts what is not ours, known already or older than its message, and goes on', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());
    await messages.insert(aMessage({ messageId: 'message-2' }));
    const { source } = aSource([
      {
        records: [
          aRecord(),
          aRecord({ messageId: 'foreign' }),
          aRecord({ messageId: 'message-2', at: NOON - 5 * 60_000 - 1 }),
        ],
      },
    ]);
    const again = aSource([{ records: [aRecord()] }]);

    const tally = await drain(source, messages);
    const second = await drain(again.source, messages);

    expect(tally).toMatchObject({ recorded: 1, notOurs: 1, tooOld: 1, duplicates: 0 });
    expect(second).toMatchObject({ recorded: 0, duplicates: 1 });
    expect((await messages.find(aMessage({ messageId: 'message-2' })))?.message.status).toBe(
      'accepted',
    );
  });
});

describe('messageWatch', () => {
  const noBacklogs: BacklogCare = {
    roomMade: async () => undefined,
    expire: async () => 0,
    rescue: async () => 0,
  };
  const watchAt = (now: number, store: MessageStore, source: FeedbackSource) =>
    messageWatch({
      source,
      store,
      backlogs: noBacklogs,
      health: { note: async () => undefined },
      now: () => now,
      feedbackTtlMs: FEEDBACK_TTL_MS,
    });
  const hubAway: FeedbackSource = {
    open: async () => {
      throw new DownlinkError('hub-unavailable', 'away');
    },
  };

  test('settles a hand-over whose sender died as unknown; its feedback still wins', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());

    const { swept } = await watchAt(NOON + 31_000, messages, aSource([]).source)();
    const unknown = (await messages.find(aMessage()))?.message;
    await drain(aSource([{ records: [aRecord()] }]).source, messages);

    expect(swept).toEqual({ unknown: 1, expired: 0, withoutReceipt: 0, overdue: [] });
    expect(unknown).toMatchObject({ status: 'unknown', handOver: { owner: 'owner-1' } });
    expect((await messages.find(aMessage()))?.message.status).toBe('delivered');
  });

  test.each([
    ['full', /No acknowledgement came/],
    ['positive', /probably not delivered/],
    ['negative', /probably delivered/],
  ] as const)('says what silence suggests for ack %s', async (ack, suggests) => {
    const { messages } = storage();
    const stored = await messages.insert(aMessage({ ack }));
    await messages.change(stored, ({ handOver: _done, ...message }) => ({
      ...message,
      status: 'enqueued',
    }));
    const late = aMessage().expiresAt + FEEDBACK_TTL_MS + 10 * 60_000;

    const early = await watchAt(late - 1, messages, aSource([]).source)();
    await watchAt(late, messages, aSource([]).source)();

    expect(early.swept).toMatchObject({ unknown: 0, expired: 0 });
    const message = (await messages.find(aMessage()))?.message;
    expect(message?.status).toBe('unknown');
    expect(message?.history.at(-1)?.detail).toMatch(suggests);
  });

  test('takes a hub that is away for no failure, and sweeps all the same', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());

    const report = await watchAt(NOON + 31_000, messages, hubAway)();

    expect(report).toMatchObject({ hubError: { code: 'hub-unavailable' }, swept: { unknown: 1 } });
  });

  test('has one session at a time: a wake-up meanwhile makes it listen longer', async () => {
    const { messages } = storage();
    const clock = { now: NOON };
    const waits: number[] = [];
    let opened = 0;
    let wakeUp: () => Promise<unknown> = async () => undefined;
    const watch = messageWatch({
      source: {
        open: async () => {
          opened += 1;
          return {
            receive: async ({ waitMs }) => {
              waits.push(waitMs);
              clock.now += waitMs / 2;
              if (waits.length === 1) await wakeUp();
              clock.now += waitMs / 2;
              return [];
            },
            close: async () => undefined,
          };
        },
      },
      store: messages,
      backlogs: noBacklogs,
      health: { note: async () => undefined },
      now: () => clock.now,
      feedbackTtlMs: FEEDBACK_TTL_MS,
    });
    const meanwhile: unknown[] = [];
    wakeUp = async () => meanwhile.push(await watch());

    const { drained } = await watch();

    expect(opened).toBe(1);
    expect(waits).toEqual([2000, 2000]);
    expect(drained).toMatchObject({ batches: 0 });
    expect(meanwhile).toMatchObject([{ drained: undefined, hubError: undefined }]);
  });
});
