import { createHash } from 'node:crypto';
import type { TableEntity } from '@azure/data-tables';
import type { StatusEvent } from '../event-log/status-event.ts';
import { isFinal } from '../messages/lifecycle.ts';
import type { Message } from '../messages/message.ts';
import type { Invocation } from '../methods/invocation.ts';
import { isFinalInvocation } from '../methods/invocation-lifecycle.ts';
import { EVENT_PREFIX, eventRowKey, partitionOf } from './table-keys.ts';

/** The row of an event, to be written in the transaction of the change that it tells of. */
export function toEventRow(event: Omit<StatusEvent, 'id'>): TableEntity {
  const { deviceId, ...content } = event;
  return {
    partitionKey: partitionOf(deviceId),
    rowKey: eventRowKey(event),
    deviceId,
    event: JSON.stringify(content),
  };
}

export function isEventRow(row: { rowKey?: string }): boolean {
  return row.rowKey?.startsWith(EVENT_PREFIX) ?? false;
}

export function eventOf(row: Readonly<Record<string, unknown>>): StatusEvent {
  // Written by toEventRow and by nothing else.
  const content: Omit<StatusEvent, 'id' | 'deviceId'> = JSON.parse(String(row['event']));
  const hash = createHash('sha256').update(String(row['rowKey'])).digest('base64url');
  const id = `${content.recordedAt.toString(36)}-${hash.slice(0, 16)}`;
  return { ...content, id, deviceId: String(row['deviceId']) };
}

/** What a new state of a message tells: undefined if neither its status nor its attempt is new, nor that it is final. */
export function messageEvent(
  before: Message | undefined,
  message: Message,
): Omit<StatusEvent, 'id' | 'recordedAt'> | undefined {
  const { deviceId, messageId, status, attempt } = message;
  const isSame = before?.status === status && before.attempt === attempt;
  if (isSame && isFinal(before) === isFinal(message)) return undefined;
  const entry = message.history.findLast((each) => each.status === status);
  return {
    deviceId,
    messageId,
    status,
    final: isFinal(message),
    at: entry?.at ?? message.updatedAt,
    ...(entry?.detail !== undefined && { detail: entry.detail }),
    attempt,
    createdAt: message.createdAt,
    ...(message.traceParent !== undefined && { traceParent: message.traceParent }),
  };
}

/** The same for an invocation. */
export function invocationEvent(
  before: Pick<Invocation, 'status' | 'attempt'> | undefined,
  invocation: Invocation,
): Omit<StatusEvent, 'id' | 'recordedAt'> | undefined {
  const { deviceId, invocationId, status, attempt, updatedAt, failure } = invocation;
  if (before?.status === status && before.attempt === attempt) return undefined;
  return {
    deviceId,
    invocationId,
    status,
    final: isFinalInvocation(invocation),
    at: updatedAt,
    ...(failure && { detail: failure.code }),
    attempt,
    createdAt: invocation.createdAt,
    ...(invocation.traceParent !== undefined && { traceParent: invocation.traceParent }),
  };
}
