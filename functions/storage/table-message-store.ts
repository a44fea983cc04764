import type { Change, MessageStore, StoredMessage } from '../messages/message-store.ts';
import { DownlinkError } from '../errors.ts';
import { changeInGroups } from './group-changes.ts';
import { listMessages } from './list-messages.ts';
import type { MessageRow } from './message-rows.ts';
import { contended, fromStored, MAX_TRIES, stored, writtenRow } from './message-transactions.ts';
import type { MessageTransactions } from './message-transactions.ts';
import { removeMessagesCreatedBefore } from './remove-messages.ts';
import type { Table } from './table.ts';
import { ALL_PARTITIONS, openRange } from './table-keys.ts';

export function tableMessageStore({
  table,
  rows: { findRow, insertion, replacement },
}: {
  table: Table;
  rows: MessageTransactions;
}): MessageStore {
  /** Where the last open message was seen: the cheapest place to look first. */
  let openPartition = ALL_PARTITIONS[0];

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
        const actions = insertion(message);
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

function gone(): DownlinkError {
  return new DownlinkError('message-not-found', 'The message was removed meanwhile.');
}
