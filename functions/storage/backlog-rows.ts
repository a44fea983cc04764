import type { TableEntity } from '@azure/data-tables';
import type { BacklogEntry, DispatchLease } from '../messages/dispatch/backlog.ts';
import type { Message } from '../messages/message.ts';
import { fromChunks, toChunks } from './chunked-text.ts';
import {
  backlogRowKey,
  leaseRowKey,
  orderRowKey,
  partitionOf,
  sortableTime,
  workRowKey,
} from './table-keys.ts';

type Row = Readonly<Record<string, unknown>>;

/** Nobody hands over, and nothing was put off. */
export const IDLE: DispatchLease = { owner: '', until: 0, retryAt: 0, deferrals: 0 };

export function backlogMessageRow(
  { deviceId, messageId, status }: Message,
  acceptedAt: number,
  body: Uint8Array,
): TableEntity {
  return {
    partitionKey: partitionOf(deviceId),
    rowKey: backlogRowKey({ deviceId, messageId, acceptedAt }),
    deviceId,
    messageId,
    acceptedAt: sortableTime(acceptedAt),
    status,
    bodyBytes: body.byteLength,
    ...toChunks('body', Buffer.from(body).toString('base64')),
  };
}

export function entryOf(row: Row): BacklogEntry {
  const body = Buffer.from(fromChunks('body', row), 'base64');
  return {
    deviceId: String(row['deviceId']),
    messageId: String(row['messageId']),
    acceptedAt: Number(row['acceptedAt']),
    body: body.byteLength === row['bodyBytes'] ? body : undefined,
  };
}

export function leaseRow(deviceId: string, lease: DispatchLease): TableEntity & { rowKey: string } {
  return {
    partitionKey: partitionOf(deviceId),
    rowKey: leaseRowKey(deviceId),
    lease: JSON.stringify(lease),
  };
}

export function leaseOf(row: Row): DispatchLease {
  // Written by leaseRow and by nothing else.
  const lease: DispatchLease = JSON.parse(String(row['lease']));
  return lease;
}

export function orderRow(deviceId: string, acceptedAt: number): TableEntity {
  return {
    partitionKey: partitionOf(deviceId),
    rowKey: orderRowKey(deviceId),
    acceptedAt: sortableTime(acceptedAt),
    hasWork: true,
  };
}

export function workRow(deviceId: string, lookAt: number): TableEntity {
  return {
    partitionKey: partitionOf(deviceId),
    rowKey: workRowKey(deviceId),
    deviceId,
    lookAt: sortableTime(lookAt),
  };
}
