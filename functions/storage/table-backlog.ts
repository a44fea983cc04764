import { randomUUID } from 'node:crypto';
import type { TransactionAction } from '@azure/data-tables';
import type { Backlog, BacklogWrite } from '../messages/dispatch/backlog.ts';
import { entryOf, IDLE, leaseOf, leaseRow, workRow } from './backlog-rows.ts';
import { joinBacklog } from './join-backlog.ts';
import { fromStored } from './message-transactions.ts';
import type { MessageTransactions } from './message-transactions.ts';
import type { Table } from './table.ts';
import {
  ALL_PARTITIONS,
  backlogRange,
  backlogRowKey,
  leaseRowKey,
  orderRowKey,
  partitionOf,
  sortableTime,
  WORK_RANGE,
  workRowKey,
} from './table-keys.ts';

/** A page of the table. */
const MAX_ROWS = 1000;
const KEYS_ONLY = ['RowKey', 'deviceId', 'messageId', 'acceptedAt'];

export function tableBacklog(options: {
  table: Table;
  rows: MessageTransactions;
  now: () => number;
}): Backlog {
  const { table, rows } = options;

  return {
    ...joinBacklog(options),

    async read(deviceId, limit) {
      const partitionKey = partitionOf(deviceId);
      const page = await table.page(
        { partitionKey, ...backlogRange(deviceId, 'all') },
        { limit: limit + 2 },
      );
      const lease = page.rows.find((row) => row.rowKey === leaseRowKey(deviceId));
      const order = page.rows.find((row) => row.rowKey === orderRowKey(deviceId));
      if (order?.['hasWork'] !== true) return undefined;
      const messages = page.rows.filter((row) => row !== lease && row !== order);
      return {
        lease: lease && leaseOf(lease),
        versions: { lease: lease?.etag, order: order.etag },
        entries: messages.slice(0, limit).map(entryOf),
        hasMore: page.continuationToken !== undefined || messages.length >= limit,
      };
    },

    async write(deviceId, write) {
      const partitionKey = partitionOf(deviceId);
      const etags = await table.transact([
        ...leaseActions(deviceId, write),
        ...write.changes.flatMap(({ from, to }) => rows.replacement(fromStored(from), to)),
        ...write.orphans.map((entry): TransactionAction => {
          return ['delete', { partitionKey, rowKey: backlogRowKey(entry) }];
        }),
      ]);
      return etags === 'conflict' ? 'conflict' : { leaseVersion: etags[0] ?? '' };
    },

    async findAccepted(deviceId, limit) {
      const range = { partitionKey: partitionOf(deviceId), ...backlogRange(deviceId, 'messages') };
      const page = await table.page(range, {
        limit,
        filter: "status eq 'accepted'",
        select: KEYS_ONLY,
      });
      return page.rows.map(entryOf);
    },

    async keys(deviceId, { limit, after }) {
      const range = backlogRange(deviceId, after ?? 'messages');
      const page = await table.page(
        { partitionKey: partitionOf(deviceId), ...range },
        { limit, select: KEYS_ONLY },
      );
      return page.rows.map(entryOf);
    },

    async count(deviceId) {
      const range = { partitionKey: partitionOf(deviceId), ...backlogRange(deviceId, 'messages') };
      let count = 0;
      let continuationToken: string | undefined;
      do {
        const page = await table.page(range, {
          limit: MAX_ROWS,
          select: ['RowKey'],
          ...(continuationToken !== undefined && { continuationToken }),
        });
        count += page.rows.length;
        ({ continuationToken } = page);
      } while (continuationToken !== undefined);
      return count;
    },

    async findNeglected(before) {
      const pages = await Promise.all(
        ALL_PARTITIONS.map(async (partitionKey) =>
          table.page(
            { partitionKey, ...WORK_RANGE },
            { limit: MAX_ROWS, filter: `lookAt lt '${sortableTime(before)}'` },
          ),
        ),
      );
      return pages.flatMap(({ rows: found }) => found.map((row) => String(row['deviceId'])));
    },

    async setLookAt(deviceId, lookAt) {
      // Gone meanwhile: then there is nothing to look at.
      await table.transact([['update', workRow(deviceId, lookAt), 'Replace', { etag: '*' }]]);
    },
  };
}

/** Every write moves the lease's version on, so that two writers never build on the same view. */
function leaseActions(deviceId: string, write: BacklogWrite): TransactionAction[] {
  const partitionKey = partitionOf(deviceId);
  const { lease: version, order } = write.versions;
  const lease = typeof write.lease === 'string' ? IDLE : write.lease;
  const row = leaseRow(deviceId, lease);
  const leaseAction: TransactionAction =
    version === undefined
      ? ['create', row]
      : write.lease === 'as-it-is'
        ? [
            'update',
            { partitionKey, rowKey: row.rowKey, touched: randomUUID() },
            'Merge',
            { etag: version },
          ]
        : ['update', row, 'Replace', { etag: version }];
  if (write.lease === 'ended') {
    const orderRow = { partitionKey, rowKey: orderRowKey(deviceId), hasWork: false };
    return [
      leaseAction,
      ['update', orderRow, 'Merge', { etag: order }],
      ['delete', { partitionKey, rowKey: workRowKey(deviceId) }],
    ];
  }
  if (lease.retryAt === 0) return [leaseAction];
  return [leaseAction, ['update', workRow(deviceId, lease.retryAt), 'Replace', { etag: '*' }]];
}
