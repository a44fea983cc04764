import { formatCursor, parseCursor } from './cursor.ts';
import { cursorFromNowOn, readEvents } from './read-events.ts';
import type { ReadableLog, StatusEvent } from './status-event.ts';

/** One storage request a lane and second at the most, however many seconds are waited. */
const READ_EVERY_MS = 1000;

export interface FollowedEvents {
  readonly events: readonly StatusEvent[];
  /** Where the next call begins. */
  readonly cursor: string;
  /** Where this one began: who has not got all of the events begins here again. */
  readonly startedAt: string;
}

/**
 * The events since a cursor as soon as there is one, or none when the wait is over. Without a cursor it begins with
 * what happens from now on. Rejects with `invalid-request` for a cursor that is not ours, `storage-unavailable`.
 */
export async function followEvents(
  dependencies: {
    log: ReadableLog;
    /** Serves all who wait in this process with the same reads. */
    sharedLog: ReadableLog;
    now: () => number;
    sleep: (ms: number) => Promise<void>;
  },
  from: { deviceId: string | undefined; after: { text: string; path: string } | undefined },
  waitMs: number,
): Promise<FollowedEvents> {
  const { log, sharedLog, now, sleep } = dependencies;
  const { deviceId, after } = from;
  const deadline = now() + waitMs;
  let cursor =
    after === undefined
      ? await cursorFromNowOn(log, deviceId, now())
      : parseCursor(after.text, { deviceId, lanes: log.lanes(deviceId), path: after.path });
  const startedAt = formatCursor(cursor);
  for (let first = true; ; first = false) {
    const read = await readEvents(first ? log : sharedLog, cursor, now());
    cursor = read.cursor;
    const remainingMs = deadline - now();
    if (read.events.length > 0 || remainingMs <= 0) {
      return { events: read.events, cursor: formatCursor(cursor), startedAt };
    }
    await sleep(Math.min(READ_EVERY_MS, remainingMs));
  }
}
