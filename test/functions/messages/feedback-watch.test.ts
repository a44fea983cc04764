import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import type { FeedbackRecord, FeedbackSource } from '../../../functions/messages/feedback.ts';
import type { FeedbackWatchState } from '../../../functions/messages/feedback-health.ts';
import { feedbackWatch } from '../../../functions/messages/feedback-watch.ts';
import { messageWatch } from '../../../functions/messages/message-watch.ts';
import type { MessageWatch } from '../../../functions/messages/message-watch.ts';
import { tableControlRow } from '../../../functions/storage/table-control-row.ts';
import { aMessage, NOON } from '../../support/messages.ts';
import { FEEDBACK_TTL_MS, useStorage } from '../../support/storage.ts';

const storage = useStorage();

const MINUTE = 60_000;
/** When the messages of these tests expire. */
const EXPIRY = NOON + 10 * MINUTE;

/** A hub whose feedback is what `hub.records` holds, looked at as the app does. */
function setUp() {
  const clock = { now: NOON };
  const { messages, table } = storage({ now: () => clock.now });
  const hub = { away: false, records: [] as FeedbackRecord[], devices: new Set(['device-1']) };
  const source: FeedbackSource = {
    open: async () => {
      if (hub.away) throw new DownlinkError('hub-unavailable', 'away');
      return {
        receive: async () => {
          const records = hub.records.splice(0);
          const complete = async (): Promise<void> => undefined;
          return records.length > 0 ? [{ records, unreadable: [], complete }] : [];
        },
        close: async () => undefined,
      };
    },
  };
  const anInstance = (): MessageWatch & { report(): Promise<{ state: string }> } => {
    const health = feedbackWatch({
      store: tableControlRow<FeedbackWatchState>(table, 'feedback-watch'),
      messages,
      isRegistered: async (deviceId) => hub.devices.has(deviceId),
      now: () => clock.now,
    });
    const backlogs = {
      roomMade: async () => undefined,
      expire: async () => 0,
      rescue: async () => 0,
    };
    const feedbackTtlMs = FEEDBACK_TTL_MS;
    const watch = messageWatch({
      source,
      store: messages,
      backlogs,
      health,
      now: () => clock.now,
      feedbackTtlMs,
    });
    return Object.assign(watch, { report: async () => health.report() });
  };
  const watch = anInstance();
  return {
    clock,
    hub,
    watch,
    anInstance,
    /** Messages that the hub has taken. */
    send: async (count: number, overrides: Parameters<typeof aMessage>[0] = {}) => {
      for (let index = 0; index < count; index += 1) {
        const { handOver: _done, ...message } = aMessage({
          messageId: `m-${index}`,
          status: 'enqueued',
          expiresAt: EXPIRY,
          ...overrides,
        });
        await messages.insert(message);
      }
    },
    told: async (messageId: string, outcome: FeedbackRecord['outcome'] = 'Expired') => {
      hub.records.push({ deviceId: 'device-1', messageId, outcome, at: EXPIRY });
      await watch();
    },
    at: async (now: number) => {
      clock.now = now;
      return (await watch({ sweepNow: true })).feedback;
    },
    state: async () => (await watch.report()).state,
  };
}

describe('the watch over the feedback', () => {
  test('says silent when messages have expired and the hub tells nothing, once', async () => {
    const { send, at, state, anInstance } = setUp();
    await send(3);

    expect(await at(EXPIRY + 6 * MINUTE - 1)).toBeUndefined();
    expect(await at(EXPIRY + 6 * MINUTE)).toMatchObject({ state: 'silent', overdueMessages: 3 });
    expect(await at(EXPIRY + 7 * MINUTE)).toBeUndefined();
    expect((await anInstance()()).feedback).toBeUndefined();
    expect(await state()).toBe('silent');
  });

  test('says incomplete when other outcomes come meanwhile: another reader takes a part', async () => {
    const { send, at, told, state } = setUp();
    await send(5);
    await at(EXPIRY + 6 * MINUTE);

    await told('m-0');

    expect(await state()).toBe('incomplete');
  });

  test('is content while devices are offline: what expires there is reported', async () => {
    const { send, at, told, state } = setUp();
    await send(3);
    for (let minute = 0; minute < 10; minute += 1) await at(NOON + minute * MINUTE);
    for (const id of ['m-0', 'm-1', 'm-2']) await told(id);

    expect(await at(EXPIRY + 10 * MINUTE)).toBeUndefined();
    expect(await state()).toBe('ok');
  });

  test.each(['none', 'positive', 'negative'] as const)(
    'expects nothing for ack %s, where the hub may rightly be silent',
    async (ack) => {
      const { send, at } = setUp();
      await send(5, { ack });

      expect(await at(EXPIRY + 10 * MINUTE)).toBeUndefined();
    },
  );

  test('expects nothing of devices that were deleted: their feedback goes with them', async () => {
    const { send, at, hub } = setUp();
    await send(5);
    hub.devices.clear();

    expect(await at(EXPIRY + 10 * MINUTE)).toBeUndefined();
  });

  test('takes two for chance', async () => {
    const { send, at } = setUp();
    await send(2);

    expect(await at(EXPIRY + 10 * MINUTE)).toBeUndefined();
  });

  test('recovers when the outcomes come after all, and when nothing new is overdue for an hour', async () => {
    const late = setUp();
    await late.send(3);
    await late.at(EXPIRY + 6 * MINUTE);
    await late.told('m-0', 'Success');
    const recovered = await late.state();
    const old = setUp();
    await old.send(3);
    await old.at(EXPIRY + 6 * MINUTE);

    expect(recovered).toBe('ok');
    expect(await old.at(EXPIRY + 65 * MINUTE)).toBeUndefined();
    expect(await old.at(EXPIRY + 66 * MINUTE)).toMatchObject({ state: 'ok' });
  });

  test('says unreachable when feedback cannot be read for two minutes', async () => {
    const { at, hub, state } = setUp();
    hub.away = true;
    await at(NOON);
    await at(NOON + 2 * MINUTE - 1);
    const before = await state();

    expect(await at(NOON + 2 * MINUTE)).toMatchObject({ state: 'unreachable' });
    hub.away = false;
    expect(await at(NOON + 3 * MINUTE)).toMatchObject({ state: 'ok' });
    expect(before).toBe('ok');
  });
});
