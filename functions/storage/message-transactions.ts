import type { TransactionAction } from '@azure/data-tables';
import { DownlinkError } from '../errors.ts';
import type { Message } from '../messages/message.ts';
import type { MessageKey, StoredMessage } from '../messages/message-store.ts';
import { messageRowOf, toMessageRows } from './message-rows.ts';
import type { MessageRow, MessageRows } from './message-rows.ts';
import type { Table } from './table.ts';
import { backlogRowKey, messageRowKey, partitionOf } from './table-keys.ts';

/** Lost races before we give up; each means that somebody else got through. */
export const MAX_TRIES = 20;

/** What it takes to write a message with all its rows in one transaction. */
export interface MessageTransactions {
  readonly findRow: (key: MessageKey) => Promise<MessageRow | undefined>;
  /** The first action writes the message's own row, here as below. To be written at once: events are stamped here. */
  readonly insertion: (message: Message) => TransactionAction[];
  readonly replacement: (current: MessageRow, message: Message) => TransactionAction[];
}

export function messageTransactions(options: {
  table: Table;
  /** When the sweep must look at a message; undefined once it is final. */
  dueAt: (message: Message) => number | undefined;
  now: () => number;
}): MessageTransactions {
  const { table, dueAt, now } = options;

  async function findRow(key: MessageKey): Promise<MessageRow | undefined> {
    const row = await table.find(partitionOf(key.deviceId), messageRowKey(key));
    return row && messageRowOf(row, row.etag);
  }

  function rowsOf(message: Message, before: MessageRow | undefined): MessageRows {
    return toMessageRows(message, { dueAt: dueAt(message), before, now: now() });
  }

  function replacement(current: MessageRow, message: Message): TransactionAction[] {
    const rows = rowsOf(message, current);
    const actions: TransactionAction[] = [
      ['update', rows.message, 'Replace', { etag: current.etag }],
      ['update', rows.list, 'Replace', { etag: '*' }],
    ];
    if (current.openRowKey !== rows.open?.rowKey) {
      const { partitionKey } = rows.message;
      if (current.openRowKey) {
        actions.push(['delete', { partitionKey, rowKey: current.openRowKey }]);
      }
      if (rows.open) actions.push(['create', rows.open]);
    }
    if (rows.event) actions.push(['create', rows.event]);
    actions.push(...backlogActions(current.message, message));
    return actions;
  }

  function insertion(message: Message): TransactionAction[] {
    const { message: row, list, day, open, event } = rowsOf(message, undefined);
    return [row, list, day, open, event].flatMap((entity): TransactionAction[] =>
      entity ? [['create', entity]] : [],
    );
  }

  return { findRow, insertion, replacement };
}

/** What a message's change does to its place in the backlog; a new place is made by who knows the body. */
function backlogActions(current: Message, next: Message): TransactionAction[] {
  if (!current.backlog) return [];
  const { deviceId, messageId } = current;
  const { acceptedAt } = current.backlog;
  const key = {
    partitionKey: partitionOf(deviceId),
    rowKey: backlogRowKey({ deviceId, messageId, acceptedAt }),
  };
  if (!next.backlog) return [['delete', key]];
  if (next.status === current.status) return [];
  return [['update', { ...key, status: next.status }, 'Merge', { etag: '*' }]];
}

/** The version holds what a replacement needs: ETag, stamp of the last event, key of the row that marks the message as open. */
export function stored({ message, etag, eventAt, openRowKey }: MessageRow): StoredMessage {
  return { message, version: `${etag} ${eventAt} ${openRowKey ?? ''}` };
}

export function fromStored({ message, version }: StoredMessage): MessageRow {
  const [etag = '', eventAt, openRowKey = ''] = version.split(' ');
  return {
    message,
    etag,
    eventAt: Number(eventAt),
    openRowKey: openRowKey === '' ? undefined : openRowKey,
  };
}

/** The first action of a transaction writes the message's row. */
export function writtenRow(
  message: Message,
  etag: string | undefined,
  [first]: readonly TransactionAction[],
): MessageRow {
  return messageRowOf({ ...first?.[1] }, etag ?? '', message);
}

export function contended(): DownlinkError {
  return new DownlinkError(
    'storage-unavailable',
    'The message is being changed by too many at once; try again shortly.',
    { retryAfterSeconds: 1 },
  );
}
