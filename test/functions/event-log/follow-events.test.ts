import { describe, expect, test } from '@jest/globals';
import { followEvents } from '../../../functions/event-log/follow-events.ts';
import { sharedReads } from '../../../functions/event-log/shared-reads.ts';
import type { ReadableLog, StatusEvent } from '../../../functions/event-log/status-event.ts';
import { withFact } from '../../../functions/messages/lifecycle.ts';
import type { MessageStatus } from '../../../functions/messages/message.ts';
import { partitionOf } from '../../../functions/storage/table-keys.ts';
import { aMessage, NOON } from '../../support/messages.ts';
import { tableEventLog } from '../../../functions/storage/table-event-log.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();

/** Messages, and a reader of their events, on a clock of its own. */
function setUp() {
  let now = NOON;
  /** The writer's clock runs ahead by as much. */
  let skewMs = 0;
  const { messages, table } = storage({ now: () => now + skewMs });
  const events = tableEventLog(table, { pageSize: 20 });
  const reads: string[] = [];
  const log: ReadableLog = {
    lanes: (deviceId) => events.lanes(deviceId),
    async read(query) {
      reads.push(query.lane);
      return events.read(query);
    },
  };
  const sleep = async (ms: number) => {
    now += ms;
  };
  const dependencies = {
    log,
    sharedLog: sharedReads(log, () => now),
    now: () => now,
    sleep,
  };
  return {
    messages,
    reads,
    tick: (ms: number) => (now += ms),
    skew: (ms: number) => (skewMs = ms),
    follow: async (
      after?: string,
      { deviceId, waitMs = 0 }: { deviceId?: string; waitMs?: number } = {},
    ) =>
      followEvents(
        dependencies,
        { deviceId, after: after === undefined ? undefined : { text: after, path: 'query.after' } },
        waitMs,
      ),
    change: async (messageId: string, status: MessageStatus, deviceId = 'device-1') => {
      const stored = await messages.find({ deviceId, messageId });
      if (!stored) throw new Error('not found');
      await messages.change(stored, (message) => withFact(message, { status, at: now }, now));
    },
  };
}

const told = (events: readonly StatusEvent[]) =>
  events.map(({ messageId, status }) => `${messageId} ${status}`);

describe('followEvents', () => {
  test('tells every change of status once, in order, and nothing that was before', async () => {
    const { messages, tick, follow, change } = setUp();
    await messages.insert(aMessage({ messageId: 'before' }));
    const { cursor: start, events: none } = await follow();
    tick(5);
    await messages.insert(aMessage({ messageId: 'a' }));
    tick(5);
    await messages.insert(aMessage({ messageId: 'b', deviceId: 'device-2' }));
    tick(5);
    await change('a', 'delivered');
    await change('a', 'enqueued');

    const first = await follow(start);
    const second = await follow(first.cursor);
    tick(5);
    await change('b', 'enqueued', 'device-2');
    const third = await follow(second.cursor);

    expect(none).toEqual([]);
    expect(told(first.events)).toEqual(['a accepted', 'b accepted', 'a delivered']);
    expect(first.events[2]).toMatchObject({ final: true, attempt: 1, at: NOON + 15 });
    expect(told(second.events)).toEqual([]);
    expect(told(third.events)).toEqual(['b enqueued']);
  });

  test('an event that becomes visible behind others is not skipped, and only its second is told again', async () => {
    const { messages, tick, skew, follow } = setUp();
    const { cursor: start } = await follow();
    tick(600);
    await messages.insert(aMessage({ messageId: 'old' }));
    tick(3000);
    await messages.insert(aMessage({ messageId: 'young' }));
    tick(3000);
    const first = await follow(start);
    skew(-6100);
    await messages.insert(aMessage({ messageId: 'late' }));

    const second = await follow(first.cursor);
    const third = await follow(second.cursor);

    expect(told(first.events)).toEqual(['old accepted', 'young accepted']);
    expect(told(second.events)).toEqual(['late accepted', 'old accepted']);
    expect(second.events[1]?.id).toBe(first.events[0]?.id);
    expect(third.events).toEqual([]);
  });

  test('changes of one message stay in order though the clocks of their writers do not agree', async () => {
    const { messages, skew, follow, change } = setUp();
    const { cursor: start } = await follow();
    skew(4000);
    await messages.insert(aMessage({ messageId: 'a' }));
    skew(-4000);
    await change('a', 'enqueued');
    await change('a', 'delivered');

    expect(told((await follow(start)).events)).toEqual(['a accepted', 'a enqueued', 'a delivered']);
  });

  test('any way of polling while events come in late and early tells all of them', async () => {
    const { messages, tick, skew, follow } = setUp();
    const seen = new Set<string>();
    let { cursor } = await follow();
    for (let index = 0; index < 60; index += 1) {
      skew(((index * 7919) % 9000) - 4500);
      await messages.insert(aMessage({ messageId: `m-${index}`, deviceId: `device-${index % 3}` }));
      tick((index * 104_729) % 2500);
      if (index % 4 === 0) {
        const read = await follow(cursor);
        cursor = read.cursor;
        for (const { messageId = '' } of read.events) seen.add(messageId);
      }
    }
    const last = await follow(cursor);
    for (const { messageId = '' } of last.events) seen.add(messageId);

    expect(seen.size).toBe(60);
    expect((await follow(last.cursor)).events).toEqual([]);
    // Bounded by lanes and seconds, whatever came.
    expect(last.cursor.length).toBeLessThan(2000);
  });

  test('a cursor of long ago is caught up page by page', async () => {
    const { messages, tick, follow } = setUp();
    let { cursor } = await follow();
    for (let batch = 0; batch < 3; batch += 1) {
      await Promise.all(
        Array.from({ length: 15 }, async (_, index) =>
          messages.insert(aMessage({ messageId: `m-${batch}-${index}` })),
        ),
      );
      tick(1);
    }
    tick(7 * 24 * 3_600_000);
    const ids: string[] = [];
    for (let read = await follow(cursor); read.events.length > 0; read = await follow(cursor)) {
      ids.push(...read.events.map(({ id }) => id));
      ({ cursor } = read);
    }

    expect(new Set(ids).size).toBe(45);
    expect(ids).toHaveLength(45);
  });

  test('of one device, with one request a second while it waits', async () => {
    const { messages, reads, follow } = setUp();
    const { cursor } = await follow(undefined, { deviceId: 'device-1' });
    await messages.insert(aMessage({ messageId: 'other', deviceId: 'device-2' }));
    reads.length = 0;

    const waited = await follow(cursor, { deviceId: 'device-1', waitMs: 25_000 });

    expect(waited.events).toEqual([]);
    expect(reads.length).toBeLessThanOrEqual(26);
    expect(new Set(reads)).toEqual(new Set([partitionOf('device-1')]));
  });

  test('many who wait at once share their reads', async () => {
    const { reads, follow } = setUp();
    const { cursor } = await follow();
    reads.length = 0;

    await Promise.all(Array.from({ length: 10 }, async () => follow(cursor, { waitMs: 100 })));

    // 16 lanes each at the start, and 16 for all of them after.
    expect(reads).toHaveLength(10 * 16 + 16);
  });

  test('answers as soon as there is an event', async () => {
    const { messages, reads, follow } = setUp();
    const { cursor } = await follow(undefined, { deviceId: 'device-1' });
    await messages.insert(aMessage());
    reads.length = 0;

    const { events } = await follow(cursor, { deviceId: 'device-1', waitMs: 25_000 });

    expect(events).toHaveLength(1);
    expect(reads).toHaveLength(1);
  });

  test.each([
    ['no cursor at all', 'nonsense'],
    ['JSON of another shape', Buffer.from('{"a":1}').toString('base64url')],
    ['another version', Buffer.from('["0",null,""]').toString('base64url')],
    ['too few lanes', Buffer.from('["1",null,"00,1"]').toString('base64url')],
    ['numbers that are none', Buffer.from('["1",null,"00,-1"]').toString('base64url')],
  ])('refuses %s', async (_, after) => {
    await expect(setUp().follow(after)).rejects.toMatchObject({
      code: 'invalid-request',
      faults: [{ path: 'query.after' }],
    });
  });

  test("refuses a cursor of another device's events", async () => {
    const { follow } = setUp();
    const { cursor } = await follow(undefined, { deviceId: 'device-1' });

    await expect(follow(cursor, { deviceId: 'device-2' })).rejects.toMatchObject({
      code: 'invalid-request',
    });
    await expect(follow(cursor)).rejects.toMatchObject({ code: 'invalid-request' });
  });
});

describe('removeBefore', () => {
  test('removes what was recorded before, and nothing younger', async () => {
    const { messages, events } = storage({ now: () => NOON });
    await messages.insert(aMessage());

    expect(await events.removeBefore(NOON)).toBe(0);
    expect(await events.removeBefore(NOON + 1)).toBe(1);
  });
});
