import type { TransactionAction } from '@azure/data-tables';
import type { Message } from '../messages/message.ts';
import type { Change, MessageKey, MessageStore, StoredMessage } from '../messages/message-store.ts';
import { DownlinkError } from '../errors.ts';
import { changeInGroups } from './group-changes.ts';
import { listMessages } from './list-messages.ts';
import { messageRowOf, toMessageRows } from './message-rows.ts';
import type { MessageRow, MessageRows } from './message-rows.ts';
import { removeMessagesCreatedBefore } from './remove-messages.ts';
import type { Table } from './table.ts';
import { ALL_PARTITIONS, messageRowKey, openRange, partitionOf } from './table-keys.ts';

/** Lost races before we give up; each means that somebody else got through. */
const MAX_TRIES = 20;

export interface TableMessageStoreOptions {
  readonly table: Table;
  /** When the sweep must look at a message; undefined once it is final. */
  readonly dueAt: (message: Message) => number | undefined;
  readonly now: () => number;
}

export function tableMessageStore({ table, dueAt, now }: TableMessageStoreOptions): MessageStore {
  /** Where the last open message was seen: the cheapest place to look first. */
  let openPartition = ALL_PARTITIONS[0];

  async function findRow(key: MessageKey): Promise<MessageRow | undefined> {
    const row = await table.find(partitionOf(key.deviceId), messageRowKey(key));
    return row && messageRowOf(row, row.etag);
  }

  function rowsOf(message: Message, before: MessageRow | undefined): MessageRows {
    return toMessageRows(message, { dueAt: dueAt(message), before, now: now() });
  }

  /** To be written at once: the event is stamped here. */
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
    return actions;
  }

  async function changeRow(
    row: MessageRow,
    compute: Change,
  ): Promise<StoredMessage & { changed: boolean }> {
    let current: MessageRow | undefined = row;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (!current) throw gone();
      const message = compute(current.message);
      if (!message) return { ...stored(current), changed: false };
      const actions = replacement(current, message);
      const etags = await table.transact(actions);
      if (etags !== 'conflict') {
        return { ...stored(writtenRow(message, etags[0], actions)), changed: true };
      }
      current = await findRow(current.message);
    }
    throw contended();
  }

  return {
    async find(key) {
      const row = await findRow(key);
      return row && stored(row);
    },

    async insert(message) {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const { message: row, list, day, open, event } = rowsOf(message, undefined);
        const actions = [row, list, day, open, event].flatMap((entity): TransactionAction[] =>
          entity ? [['create', entity]] : [],
        );
        const etags = await table.transact(actions);
        if (etags !== 'conflict') {
          return { ...stored(writtenRow(message, etags[0], actions)), inserted: true };
        }
        const existing = await findRow(message);
        // A retry after an answer that got lost on its way meets our own row.
        const ours = existing?.message.handOver?.owner === message.handOver?.owner;
        if (existing) return { ...stored(existing), inserted: ours };
      }
      throw contended();
    },

    change: async (from, compute) => changeRow(fromStored(from), compute),

    changeMany: async (changes) =>
      changeInGroups(changes, {
        findRow,
        replacement,
        changeRow,
        transact: async (actions) => table.transact(actions),
      }),

    list: async (query) => listMessages(table, query),

    async findDue(by, limit) {
      const pages = await Promise.all(
        ALL_PARTITIONS.map(async (partitionKey) =>
          table.page({ partitionKey, ...openRange(by) }, { limit }),
        ),
      );
      return pages.flatMap(({ rows }) =>
        rows.map((row) => ({
          deviceId: String(row['deviceId']),
          messageId: String(row['messageId']),
        })),
      );
    },

    async hasOpenMessages() {
      const others = ALL_PARTITIONS.filter((partitionKey) => partitionKey !== openPartition);
      for (const partitionKey of [openPartition, ...others]) {
        if (partitionKey === undefined) continue;
        const { rows } = await table.page({ partitionKey, ...openRange() }, { limit: 1 });
        if (rows.length > 0) {
          openPartition = partitionKey;
          return true;
        }
      }
      return false;
    },

    removeCreatedBefore: async (before) => removeMessagesCreatedBefore(table, before),
  };
}

/** The version holds what a replacement needs: ETag, stamp of the last event, key of the row that marks the message as open. */
function stored({ message, etag, eventAt, openRowKey }: MessageRow): StoredMessage {
  return { message, version: `${etag} ${eventAt} ${openRowKey ?? ''}` };
}

function fromStored({ message, version }: StoredMessage): MessageRow {
  const [etag = '', eventAt, openRowKey = ''] = version.split(' ');
  return {
    message,
    etag,
    eventAt: Number(eventAt),
    openRowKey: openRowKey === '' ? undefined : openRowKey,
  };
}

/** The first action of a transaction writes the message's row. */
function writtenRow(
  message: Message,
  etag: string | undefined,
  [first]: readonly TransactionAction[],
): MessageRow {
  return messageRowOf({ ...first?.[1] }, etag ?? '', message);
}

function contended(): DownlinkError {
  return new DownlinkError(
    'storage-unavailable',
    'The message is being changed by too many at once; try again shortly.',
    { retryAfterSeconds: 1 },
  );
}

function gone(): DownlinkError {
  return new DownlinkError('message-not-found', 'The message was removed meanwhile.');
}
