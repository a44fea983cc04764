import { DownlinkError } from '../errors.ts';

/** What has been given out of one second of a lane. */
export interface SeenSlice {
  readonly count: number;
  /** The last stamp given out. */
  readonly upTo: number;
}

/** How far a lane has been read. Everything stamped before `since` is done with; the rest is accounted for by second. */
export interface LanePosition {
  readonly since: number;
  readonly seen: ReadonlyMap<number, SeenSlice>;
}

/** How far the events, of one device or of all, have been given out. */
export interface Cursor {
  readonly deviceId: string | undefined;
  readonly lanes: ReadonlyMap<string, LanePosition>;
}

/** The unit of the account, in milliseconds. Late events make their second be given out again, never more. */
export const SLICE_MS = 1000;

export function sliceOf(stamp: number): number {
  return Math.floor(stamp / SLICE_MS);
}

const VERSION = '1';
const LONGEST = 16 * 1024;

/** Opaque to callers; what it holds is bounded by lanes and seconds, not by events. */
export function formatCursor(cursor: Cursor): string {
  const lanes = [...cursor.lanes].map(([lane, { since, seen }]) => {
    const slices = [...seen].map(([slice, { count, upTo }]) =>
      [slice - sliceOf(since), count, upTo - slice * SLICE_MS].map(base36).join('.'),
    );
    return [lane, base36(sliceOf(since)), ...slices].join(',');
  });
  return Buffer.from(JSON.stringify([VERSION, cursor.deviceId ?? null, lanes.join(';')])).toString(
    'base64url',
  );
}

/** Throws `invalid-request` for what is no cursor of ours, or one of another device's events. */
export function parseCursor(
  text: string,
  expected: { deviceId: string | undefined; lanes: readonly string[]; path: string },
): Cursor {
  const fault = badCursor(expected.path);
  if (text.length > LONGEST) throw fault;
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw fault;
  }
  if (!Array.isArray(content) || content.length !== 3) throw fault;
  const [version, deviceId, lanesText] = content as unknown[];
  if (version !== VERSION || (deviceId ?? undefined) !== expected.deviceId) throw fault;
  if (typeof lanesText !== 'string') throw fault;
  const lanes = new Map(lanesText.split(';').map((laneText) => parseLane(laneText, fault)));
  const complete =
    lanes.size === expected.lanes.length && expected.lanes.every((lane) => lanes.has(lane));
  if (!complete) throw fault;
  return { deviceId: expected.deviceId, lanes };
}

function parseLane(text: string, fault: DownlinkError): [string, LanePosition] {
  const [lane = '', sinceText = '', ...slices] = text.split(',');
  const first = fromBase36(sinceText, fault);
  const seen = slices.map((sliceText): [number, SeenSlice] => {
    const [offset = 0, count = 0, upTo = 0, ...more] = sliceText
      .split('.')
      .map((part) => fromBase36(part, fault));
    if (more.length > 0 || upTo >= SLICE_MS) throw fault;
    const slice = first + offset;
    return [slice, { count, upTo: slice * SLICE_MS + upTo }];
  });
  return [lane, { since: first * SLICE_MS, seen: new Map(seen) }];
}

function base36(value: number): string {
  return value.toString(36);
}

/** Seconds since the epoch have 6 such digits until 2038 and 7 long after. */
function fromBase36(text: string, fault: DownlinkError): number {
  if (!/^[0-9a-z]{1,7}$/.test(text)) throw fault;
  return Number.parseInt(text, 36);
}

function badCursor(path: string): DownlinkError {
  const message =
    'is not a cursor that these events gave; leave it out to begin with what happens from now on';
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path, message }],
  });
}
