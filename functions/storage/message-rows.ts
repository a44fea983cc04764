import type { TableEntity } from '@azure/data-tables';
import type { Message } from '../messages/message.ts';
import { fromChunks, toChunks } from './chunked-text.ts';
import { messageEvent, toEventRow } from './event-rows.ts';
import { dayRowKey, listRowKey, messageRowKey, openRowKey, partitionOf } from './table-keys.ts';

/** The rows of one message, to be written in one transaction. */
export interface MessageRows {
  readonly message: RowToWrite;
  readonly list: RowToWrite;
  readonly day: RowToWrite;
  /** Present while the message is not final. */
  readonly open: RowToWrite | undefined;
  /** Present if the status is new. */
  readonly event: RowToWrite | undefined;
}

type RowToWrite = TableEntity;

/** A message as read, with what it takes to replace its rows. */
export interface MessageRow {
  readonly message: Message;
  readonly etag: string;
  readonly openRowKey: string | undefined;
  /** The stamp of its last event. */
  readonly eventAt: number;
}

/** `now` is the moment right before the rows are written: events are stamped with it. */
export function toMessageRows(
  message: Message,
  {
    dueAt,
    before,
    now,
  }: { dueAt: number | undefined; before: MessageRow | undefined; now: number },
): MessageRows {
  const { deviceId, messageId, createdAt, status } = message;
  const reference = { partitionKey: partitionOf(deviceId), deviceId, messageId };
  const content = {
    ...reference,
    status,
    createdAt: new Date(createdAt),
    ...toChunks('data', JSON.stringify(message)),
  };
  const event = messageEvent(before?.message, message);
  const lastEventAt = before?.eventAt ?? 0;
  // Clocks differ between instances; the events of one message follow one another all the same.
  const eventAt = event ? Math.max(now, lastEventAt + 1) : lastEventAt;
  const openKey = dueAt === undefined ? undefined : openRowKey(dueAt, message);
  return {
    message: {
      ...content,
      rowKey: messageRowKey(message),
      eventAt: String(eventAt),
      ...(openKey !== undefined && { openRowKey: openKey }),
    },
    list: { ...content, rowKey: listRowKey(message) },
    day: { ...reference, rowKey: dayRowKey(message) },
    open: openKey === undefined ? undefined : { ...reference, rowKey: openKey },
    event: event && toEventRow({ ...event, recordedAt: eventAt }),
  };
}

/** From a row as read, or as just written with the message that it holds. */
export function messageRowOf(
  row: Readonly<Record<string, unknown>>,
  etag: string,
  message = messageOf(row),
): MessageRow {
  const openKey = row['openRowKey'];
  return {
    message,
    etag,
    openRowKey: typeof openKey === 'string' ? openKey : undefined,
    eventAt: Number(row['eventAt'] ?? 0),
  };
}

/** The message in a message row or in its copy for lists. */
export function messageOf(row: Readonly<Record<string, unknown>>): Message {
  // Written by toMessageRows and by nothing else.
  const message: Message = JSON.parse(fromChunks('data', row));
  return message;
}
