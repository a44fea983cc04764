import type { TableEntity, TableEntityResult } from '@azure/data-tables';
import type { Message } from '../messages/message.ts';
import { fromChunks, toChunks } from './chunked-text.ts';
import { dayRowKey, listRowKey, messageRowKey, openRowKey, partitionOf } from './table-keys.ts';

/** The rows of one message, to be written in one transaction. */
export interface MessageRows {
  readonly message: RowToWrite;
  readonly list: RowToWrite;
  readonly day: RowToWrite;
  /** Present while the message is not final. */
  readonly open: RowToWrite | undefined;
}

type RowToWrite = TableEntity;

/** A message as read, with what it takes to replace its rows. */
export interface MessageRow {
  readonly message: Message;
  readonly etag: string;
  readonly openRowKey: string | undefined;
}

export function toMessageRows(message: Message, dueAt: number | undefined): MessageRows {
  const { deviceId, messageId, createdAt, status } = message;
  const reference = { partitionKey: partitionOf(deviceId), deviceId, messageId };
  const content = {
    ...reference,
    status,
    createdAt: new Date(createdAt),
    ...toChunks('data', JSON.stringify(message)),
  };
  const openKey = dueAt === undefined ? undefined : openRowKey(dueAt, message);
  return {
    message: {
      ...content,
      rowKey: messageRowKey(message),
      ...(openKey !== undefined && { openRowKey: openKey }),
    },
    list: { ...content, rowKey: listRowKey(message) },
    day: { ...reference, rowKey: dayRowKey(message) },
    open: openKey === undefined ? undefined : { ...reference, rowKey: openKey },
  };
}

export function messageRowOf(row: TableEntityResult<Record<string, unknown>>): MessageRow {
  const openKey = row['openRowKey'];
  return {
    message: messageOf(row),
    etag: row.etag,
    openRowKey: typeof openKey === 'string' ? openKey : undefined,
  };
}

/** The message in a message row or in its copy for lists. */
export function messageOf(row: Readonly<Record<string, unknown>>): Message {
  // Written by toMessageRows and by nothing else.
  const message: Message = JSON.parse(fromChunks('data', row));
  return message;
}
