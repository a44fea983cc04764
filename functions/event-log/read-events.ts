import { SLICE_MS, sliceOf } from './cursor.ts';
import type { Cursor, LanePosition, SeenSlice } from './cursor.ts';
import type { ReadableLog, StatusEvent } from './status-event.ts';

/**
 * Why a position is not simply "the last event read": events are stamped by their writers and become visible when
 * their transaction does, so one may appear before another that was there already. A transaction is visible within
 * 10 s of its stamp or never (STORAGE_TIMEOUT_MS bounds its request, and its stamp is made right before), instances'
 * clocks may differ by 5 s, and another 5 s are for a request that the storage still carries out after we gave it up.
 *
 * The rule: what is stamped before this horizon is settled and never looked at again. Within the horizon the cursor
 * keeps, for each second of each lane, how many events it has given out and the stamp of the last one. A second that
 * holds more events up to that stamp than were given out has got a late one: all of it is given out again. So nothing
 * is skipped, and the price of a late event is a repeat of its second; who reads drops the ids he knows.
 */
const HORIZON_MS = 20_000;

export interface EventsRead {
  readonly events: readonly StatusEvent[];
  readonly cursor: Cursor;
}

/** The events since the cursor, at most a page of each lane's, in order for each message and invocation. */
export async function readEvents(
  log: ReadableLog,
  cursor: Cursor,
  now: number,
): Promise<EventsRead> {
  const read = await Promise.all(
    [...cursor.lanes].map(async ([lane, position]) =>
      readLane(log, { lane, deviceId: cursor.deviceId, position, now }),
    ),
  );
  return {
    events: read
      .flatMap(({ fresh }) => fresh)
      .toSorted((a, b) => a.recordedAt - b.recordedAt || (a.id < b.id ? -1 : 1)),
    cursor: {
      deviceId: cursor.deviceId,
      lanes: new Map(read.map(({ lane, position }) => [lane, position])),
    },
  };
}

/** The cursor of whoever wants to know what happens from now on: what is visible already counts as given out. */
export async function cursorFromNowOn(
  log: ReadableLog,
  deviceId: string | undefined,
  now: number,
): Promise<Cursor> {
  const since = sliceOf(now - HORIZON_MS) * SLICE_MS;
  const lanes = new Map(log.lanes(deviceId).map((lane) => [lane, { since, seen: new Map() }]));
  let cursor: Cursor = { deviceId, lanes };
  for (;;) {
    const { events, cursor: next } = await readEvents(log, cursor, now);
    cursor = next;
    if (events.length === 0) return cursor;
  }
}

async function readLane(
  log: ReadableLog,
  from: { lane: string; deviceId: string | undefined; position: LanePosition; now: number },
): Promise<{ lane: string; fresh: StatusEvent[]; position: LanePosition }> {
  const { lane, deviceId, position } = from;
  const events: StatusEvent[] = [];
  let complete: readonly StatusEvent[] = [];
  let fresh: StatusEvent[] = [];
  let continuationToken: string | undefined;
  do {
    const page = await log.read({
      lane,
      ...(deviceId !== undefined && { deviceId }),
      since: position.since,
      ...(continuationToken !== undefined && { continuationToken }),
    });
    events.push(...page.events);
    continuationToken = page.continuationToken;
    // What shares the stamp of the last one read may be cut off in the middle: it is left for the next time.
    const cutAt = continuationToken === undefined ? Infinity : (events.at(-1)?.recordedAt ?? 0);
    complete = events.filter(({ recordedAt }) => recordedAt < cutAt);
    fresh = freshOf(complete, position.seen);
    // One page of news is enough; pages of what is known are passed over.
  } while (continuationToken !== undefined && fresh.length === 0);

  const lastRead = complete.at(-1);
  const readTo =
    continuationToken === undefined || !lastRead
      ? Infinity
      : sliceOf(lastRead.recordedAt) * SLICE_MS;
  const since = Math.max(
    position.since,
    Math.min(sliceOf(from.now - HORIZON_MS) * SLICE_MS, readTo),
  );
  return { lane, fresh, position: { since, seen: seenSince(since, complete) } };
}

function freshOf(
  events: readonly StatusEvent[],
  seen: ReadonlyMap<number, SeenSlice>,
): StatusEvent[] {
  return [...bySlice(events)].flatMap(([slice, inSlice]) => {
    const { count, upTo } = seen.get(slice) ?? { count: 0, upTo: -1 };
    const known = inSlice.filter(({ recordedAt }) => recordedAt <= upTo);
    return known.length > count ? inSlice : inSlice.filter(({ recordedAt }) => recordedAt > upTo);
  });
}

function seenSince(since: number, events: readonly StatusEvent[]): Map<number, SeenSlice> {
  const recent = events.filter(({ recordedAt }) => recordedAt >= since);
  return new Map(
    [...bySlice(recent)].map(([slice, inSlice]) => [
      slice,
      { count: inSlice.length, upTo: inSlice.at(-1)?.recordedAt ?? 0 },
    ]),
  );
}

function bySlice(events: readonly StatusEvent[]): Map<number, StatusEvent[]> {
  const slices = new Map<number, StatusEvent[]>();
  for (const event of events) {
    const slice = sliceOf(event.recordedAt);
    const inSlice = slices.get(slice);
    if (inSlice) inSlice.push(event);
    else slices.set(slice, [event]);
  }
  return slices;
}
