import type { TableEntity } from '@azure/data-tables';
import type { Invocation } from '../methods/invocation.ts';
import { invocationDueAt } from '../methods/invocation-lifecycle.ts';
import { fromByteChunks, toByteChunks } from './chunked-bytes.ts';
import { invocationEvent, toEventRow } from './event-rows.ts';
import {
  invocationDayRowKey,
  invocationDueRowKey,
  invocationListRowKey,
  invocationRowKey,
  partitionOf,
} from './table-keys.ts';

/** The rows of one invocation, to be written in one transaction. */
export interface InvocationRows {
  readonly invocation: TableEntity;
  readonly list: TableEntity;
  readonly day: TableEntity;
  /** Present while the invocation is not final. */
  readonly due: TableEntity | undefined;
  /** Present if the status is new. */
  readonly event: TableEntity | undefined;
}

/** An invocation as read, with what it takes to replace its rows. */
export interface InvocationRow {
  readonly invocation: Invocation;
  readonly etag: string;
  readonly dueRowKey: string | undefined;
  /** The stamp of its last event. */
  readonly eventAt: number;
}

/** `now` is the moment right before the rows are written: events are stamped with it. */
export function toInvocationRows(
  invocation: Invocation,
  before: InvocationRow | undefined,
  now: number,
): InvocationRows {
  const { deviceId, invocationId, status, createdAt } = invocation;
  const reference = { partitionKey: partitionOf(deviceId), deviceId, invocationId };
  const content = { ...reference, status, createdAt: new Date(createdAt) };
  const dueAt = invocationDueAt(invocation);
  const dueRowKey = dueAt === undefined ? undefined : invocationDueRowKey(dueAt, invocation);
  const event = invocationEvent(before?.invocation, invocation);
  const lastEventAt = before?.eventAt ?? 0;
  const eventAt = event ? Math.max(now, lastEventAt + 1) : lastEventAt;
  return {
    invocation: {
      ...content,
      rowKey: invocationRowKey(invocation),
      eventAt: String(eventAt),
      ...(dueRowKey !== undefined && { dueRowKey }),
      ...toByteChunks('data', JSON.stringify(invocation)),
    },
    list: {
      ...content,
      rowKey: invocationListRowKey(invocation),
      ...toByteChunks('data', JSON.stringify(withoutPayloads(invocation))),
    },
    day: { ...reference, rowKey: invocationDayRowKey(invocation) },
    due: dueRowKey === undefined ? undefined : { ...reference, rowKey: dueRowKey },
    event: event && toEventRow({ ...event, recordedAt: eventAt }),
  };
}

/** From a row as read, or as just written with the invocation that it holds. */
export function invocationRowOf(
  row: Readonly<Record<string, unknown>>,
  etag: string,
  invocation = invocationOf(row),
): InvocationRow {
  const dueRowKey = row['dueRowKey'];
  return {
    invocation,
    etag,
    dueRowKey: typeof dueRowKey === 'string' ? dueRowKey : undefined,
    eventAt: Number(row['eventAt'] ?? 0),
  };
}

/** The invocation in its row or in its copy for lists. */
export function invocationOf(row: Readonly<Record<string, unknown>>): Invocation {
  // Written by toInvocationRows and by nothing else.
  const invocation: Invocation = JSON.parse(fromByteChunks('data', row));
  return invocation;
}

function withoutPayloads({ request: _request, result, ...rest }: Invocation): Invocation {
  return { ...rest, ...(result && { result: { ...result, payload: null } }) };
}
