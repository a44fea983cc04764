import type { TransactionAction } from '@azure/data-tables';
import { DownlinkError } from '../errors.ts';
import type { Invocation } from '../methods/invocation.ts';
import type {
  InvocationKey,
  InvocationStore,
  StoredInvocation,
} from '../methods/invocation-store.ts';
import { invocationOf, invocationRowOf, toInvocationRows } from './invocation-rows.ts';
import type { InvocationRow } from './invocation-rows.ts';
import { listPage } from './list-page.ts';
import { removeInvocationsCreatedBefore } from './remove-invocations.ts';
import type { Table } from './table.ts';
import {
  ALL_PARTITIONS,
  invocationDueRange,
  invocationRowKey,
  listRange,
  partitionOf,
} from './table-keys.ts';

/** Lost races before we give up; each means that somebody else got through. */
const MAX_TRIES = 20;

export function tableInvocationStore(options: {
  table: Table;
  now: () => number;
}): InvocationStore {
  const { table, now } = options;

  async function findRow(key: InvocationKey): Promise<InvocationRow | undefined> {
    const row = await table.find(partitionOf(key.deviceId), invocationRowKey(key));
    return row && invocationRowOf(row, row.etag);
  }

  /** To be written at once: the event is stamped here. */
  function replacement(current: InvocationRow, invocation: Invocation): TransactionAction[] {
    const rows = toInvocationRows(invocation, current, now());
    const { partitionKey } = rows.invocation;
    const actions: TransactionAction[] = [
      ['update', rows.invocation, 'Replace', { etag: current.etag }],
      ['update', rows.list, 'Replace', { etag: '*' }],
    ];
    if (current.dueRowKey !== rows.due?.rowKey) {
      if (current.dueRowKey) actions.push(['delete', { partitionKey, rowKey: current.dueRowKey }]);
      if (rows.due) actions.push(['create', rows.due]);
    }
    if (rows.event) actions.push(['create', rows.event]);
    return actions;
  }

  return {
    async find(key) {
      const row = await findRow(key);
      return row && stored(row);
    },

    async insert(invocation) {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const rows = toInvocationRows(invocation, undefined, now());
        const entities = [rows.invocation, rows.list, rows.day, rows.due, rows.event];
        const actions = entities.flatMap((entity): TransactionAction[] =>
          entity ? [['create', entity]] : [],
        );
        const etags = await table.transact(actions);
        if (etags !== 'conflict') {
          return { ...stored(writtenRow(invocation, etags[0], actions)), inserted: true };
        }
        const existing = await findRow(invocation);
        // A retry after an answer that got lost on its way meets our own row.
        const ours = existing?.invocation.owner === invocation.owner;
        if (existing) return { ...stored(existing), inserted: ours };
      }
      throw contended();
    },

    async change(from, compute) {
      let current: InvocationRow | undefined = fromStored(from);
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        if (!current) throw gone();
        const invocation = compute(current.invocation);
        if (!invocation) return { ...stored(current), changed: false };
        const actions = replacement(current, invocation);
        const etags = await table.transact(actions);
        if (etags !== 'conflict') {
          return { ...stored(writtenRow(invocation, etags[0], actions)), changed: true };
        }
        current = await findRow(current.invocation);
      }
      throw contended();
    },

    async list(query) {
      const range = {
        partitionKey: partitionOf(query.deviceId),
        ...listRange(query, 'invocation-list'),
      };
      const { rows, ...next } = await listPage(table, { ...query, list: 'invocations', range });
      return { items: rows.map(invocationOf), ...next };
    },

    async findDue(by, limit) {
      const pages = await Promise.all(
        ALL_PARTITIONS.map(async (partitionKey) =>
          table.page({ partitionKey, ...invocationDueRange(by) }, { limit }),
        ),
      );
      return pages.flatMap(({ rows }) =>
        rows.map((row) => ({
          deviceId: String(row['deviceId']),
          invocationId: String(row['invocationId']),
        })),
      );
    },

    removeCreatedBefore: async (before) => removeInvocationsCreatedBefore(table, before),
  };
}

/** The version holds what a replacement needs: ETag, stamp of the last event, key of the row for the sweep. */
function stored({ invocation, etag, eventAt, dueRowKey }: InvocationRow): StoredInvocation {
  return { invocation, version: `${etag} ${eventAt} ${dueRowKey ?? ''}` };
}

function fromStored({ invocation, version }: StoredInvocation): InvocationRow {
  const [etag = '', eventAt, dueRowKey = ''] = version.split(' ');
  return {
    invocation,
    etag,
    eventAt: Number(eventAt),
    dueRowKey: dueRowKey === '' ? undefined : dueRowKey,
  };
}

/** The first action of a transaction writes the invocation's row. */
function writtenRow(
  invocation: Invocation,
  etag: string | undefined,
  [first]: readonly TransactionAction[],
): InvocationRow {
  return invocationRowOf({ ...first?.[1] }, etag ?? '', invocation);
}

function contended(): DownlinkError {
  return new DownlinkError(
    'storage-unavailable',
    'The invocation is being changed by too many at once; try again shortly.',
    { retryAfterSeconds: 1 },
  );
}

function gone(): DownlinkError {
  return new DownlinkError('invocation-not-found', 'The invocation was removed meanwhile.');
}
