import { createHash } from 'node:crypto';
import type { MessageKey } from '../messages/message-store.ts';
import type { InvocationKey } from '../methods/invocation-store.ts';

/**
 * How the table is laid out. A device's rows lie in one of a fixed number of partitions, so that concurrent writes
 * meet and can be grouped, and all rows that one transition touches change in one transaction.
 *
 * | row key                                   | row                                             |
 * |-------------------------------------------|-------------------------------------------------|
 * | `message\|device\|id`                     | the message; its ETag guards every change       |
 * | `list\|device\|reversed time\|id`         | its copy for lists, newest first                |
 * | `open\|time\|device\|id`                  | while not final: when the sweep must look at it |
 * | `day\|date\|device\|id`                   | for retention                                   |
 * | `invocation\|device\|id`                  | the call of a method, with payloads             |
 * | `invocation-list\|device\|reversed time\|id` | its copy for lists, without payloads         |
 * | `invocation-due\|time\|device\|id`        | while not final: when the sweep must look at it |
 * | `invocation-day\|date\|device\|id`        | for retention                                   |
 * | `event\|time\|kind\|device\|id`           | one change of status, in the order of recording |
 * | `backlog\|device\|time\|id`               | while it waits for queued dispatch: its body    |
 * | `backlog\|device\|`                       | who hands the device's backlog over; stays      |
 * | `backlog\|device\|!order`                 | when the last message joined it; stays          |
 * | `work\|device`                            | while messages wait: when to look at the device |
 */

/** Fixed for ever: rows written under another number would no longer be found. */
const PARTITIONS = 16;

/** Rows that belong to no device: the schedule of the feedback wake-ups. */
export const CONTROL_PARTITION = 'control';

export const ALL_PARTITIONS: readonly string[] = Array.from({ length: PARTITIONS }, (_, index) =>
  partitionName(index),
);

export function partitionOf(deviceId: string): string {
  const hash = createHash('sha256').update(deviceId).digest();
  return partitionName(hash.readUInt8(0) % PARTITIONS);
}

export function messageRowKey({ deviceId, messageId }: MessageKey): string {
  return `message|${encoded(deviceId)}|${encoded(messageId)}`;
}

export function listRowKey(message: MessageKey & { createdAt: number }): string {
  const { deviceId, messageId, createdAt } = message;
  return `list|${encoded(deviceId)}|${reversed(createdAt)}|${encoded(messageId)}`;
}

/** Bounds of a device's list rows, `from` inclusive and `to` exclusive, newest first. */
export function listRange(
  query: { deviceId: string; since?: number; until?: number },
  kind: 'list' | 'invocation-list' = 'list',
): { from: string; to: string } {
  const prefix = `${kind}|${encoded(query.deviceId)}|`;
  return {
    from: query.until === undefined ? prefix : `${prefix}${reversed(query.until)}|`,
    to: `${prefix}${query.since === undefined ? AFTER_ALL : `${reversed(query.since)}${AFTER_ALL}`}`,
  };
}

export function openRowKey(dueAt: number, key: MessageKey): string {
  return `open|${padded(dueAt)}|${encoded(key.deviceId)}|${encoded(key.messageId)}`;
}

/** Bounds of the rows of messages due by `now`, or of all open ones. */
export function openRange(now?: number): { from: string; to: string } {
  return { from: 'open|', to: `open|${now === undefined ? AFTER_ALL : padded(now + 1)}` };
}

export function dayRowKey(message: MessageKey & { createdAt: number }): string {
  const day = dayOf(message.createdAt);
  return `day|${day}|${encoded(message.deviceId)}|${encoded(message.messageId)}`;
}

/** Bounds of the rows of all days that ended before `before`. */
export function dayRange(before: number): { from: string; to: string } {
  return { from: 'day|', to: `day|${dayOf(before)}` };
}

export function invocationRowKey({ deviceId, invocationId }: InvocationKey): string {
  return `invocation|${encoded(deviceId)}|${encoded(invocationId)}`;
}

export function invocationListRowKey(invocation: InvocationKey & { createdAt: number }): string {
  const { deviceId, invocationId, createdAt } = invocation;
  return `invocation-list|${encoded(deviceId)}|${reversed(createdAt)}|${encoded(invocationId)}`;
}

export function invocationDueRowKey(dueAt: number, key: InvocationKey): string {
  return `invocation-due|${padded(dueAt)}|${encoded(key.deviceId)}|${encoded(key.invocationId)}`;
}

/** Bounds of the rows of invocations due by `by`. */
export function invocationDueRange(by: number): { from: string; to: string } {
  return { from: 'invocation-due|', to: `invocation-due|${padded(by + 1)}` };
}

export function invocationDayRowKey(invocation: InvocationKey & { createdAt: number }): string {
  const { deviceId, invocationId, createdAt } = invocation;
  return `invocation-day|${dayOf(createdAt)}|${encoded(deviceId)}|${encoded(invocationId)}`;
}

/** Bounds of the rows of all days that ended before `before`. */
export function invocationDayRange(before: number): { from: string; to: string } {
  return { from: 'invocation-day|', to: `invocation-day|${dayOf(before)}` };
}

export const EVENT_PREFIX = 'event|';

export function eventRowKey(event: {
  recordedAt: number;
  deviceId: string;
  messageId?: string;
  invocationId?: string;
}): string {
  const { recordedAt, deviceId, messageId, invocationId } = event;
  const subject =
    messageId === undefined
      ? `invocation|${encoded(deviceId)}|${encoded(invocationId ?? '')}`
      : `message|${encoded(deviceId)}|${encoded(messageId)}`;
  return `${EVENT_PREFIX}${padded(recordedAt)}|${subject}`;
}

/** Bounds of the rows of events stamped at `since` or later, and before `before`. */
export function eventRange({ since, before }: { since?: number; before?: number }): {
  from: string;
  to: string;
} {
  return {
    from: since === undefined ? EVENT_PREFIX : `${EVENT_PREFIX}${padded(Math.max(0, since))}`,
    to: `${EVENT_PREFIX}${before === undefined ? AFTER_ALL : padded(before)}`,
  };
}

export function backlogRowKey(key: MessageKey & { acceptedAt: number }): string {
  return `${backlogPrefix(key.deviceId)}${padded(key.acceptedAt)}|${encoded(key.messageId)}`;
}

export function leaseRowKey(deviceId: string): string {
  return backlogPrefix(deviceId);
}

/** Sorts between the lease and the messages. */
export function orderRowKey(deviceId: string): string {
  return `${backlogPrefix(deviceId)}!order`;
}

/** Bounds of a device's lease, order and messages, or of the messages alone: all, or those after one of them. */
export function backlogRange(
  deviceId: string,
  part: 'all' | 'messages' | { acceptedAt: number; messageId: string },
): { from: string; to: string } {
  const prefix = backlogPrefix(deviceId);
  const to = `${prefix}${AFTER_ALL}`;
  if (part === 'all') return { from: prefix, to };
  if (part === 'messages') return { from: `${prefix}0`, to };
  return { from: `${backlogRowKey({ deviceId, ...part })}!`, to };
}

export function workRowKey(deviceId: string): string {
  return `work|${encoded(deviceId)}`;
}

export const WORK_RANGE = { from: 'work|', to: 'work|~~' };

/** A time as a text that sorts as it does. */
export function sortableTime(ms: number): string {
  return padded(ms);
}

/** Sorts after every character that a key of ours holds. */
const AFTER_ALL = '~~';

function backlogPrefix(deviceId: string): string {
  return `backlog|${encoded(deviceId)}|`;
}

function partitionName(index: number): string {
  return index.toString().padStart(2, '0');
}

/** 13 digits hold every millisecond until the year 2286. */
const LAST_MS = 9_999_999_999_999;

function padded(ms: number): string {
  return ms.toString().padStart(13, '0');
}

function reversed(ms: number): string {
  return padded(LAST_MS - ms);
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/**
 * The legal characters of device and message ids that a key must not hold, and others outside of ids for them.
 * One for one, so that two ids of 128 characters stay within a key's 512.
 * https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
 */
const ESCAPES: Readonly<Record<string, string>> = { '#': '^', '?': '`', '%': '{' };

function encoded(id: string): string {
  return id.replaceAll(/[#?%]/g, (character) => ESCAPES[character] ?? character);
}
