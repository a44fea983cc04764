import pMap from 'p-map';
import type { TransactionAction } from '@azure/data-tables';
import { invocationRowOf } from './invocation-rows.ts';
import type { Table } from './table.ts';
import {
  ALL_PARTITIONS,
  invocationDayRange,
  invocationListRowKey,
  invocationRowKey,
} from './table-keys.ts';

const AT_ONCE = 200;
const IN_FLIGHT = 8;

/** Removes all invocations of the days that ended before `before`, by key range. */
export async function removeInvocationsCreatedBefore(
  table: Table,
  before: number,
): Promise<number> {
  let removed = 0;
  for (const partitionKey of ALL_PARTITIONS) {
    for (;;) {
      const range = { partitionKey, ...invocationDayRange(before) };
      const { rows } = await table.page(range, { limit: AT_ONCE });
      const results = await pMap(
        rows,
        async (row) =>
          removeInvocation(table, {
            partitionKey,
            dayRowKey: String(row['rowKey']),
            deviceId: String(row['deviceId']),
            invocationId: String(row['invocationId']),
          }),
        { concurrency: IN_FLIGHT },
      );
      const gone = results.filter(Boolean).length;
      removed += gone;
      // An invocation that changed meanwhile stays for the next run.
      if (rows.length < AT_ONCE || gone === 0) break;
    }
  }
  return removed;
}

async function removeInvocation(
  table: Table,
  at: { partitionKey: string; dayRowKey: string; deviceId: string; invocationId: string },
): Promise<boolean> {
  const { partitionKey } = at;
  const rowKey = invocationRowKey(at);
  const row = await table.find(partitionKey, rowKey);
  const actions: TransactionAction[] = [['delete', { partitionKey, rowKey: at.dayRowKey }]];
  if (row) {
    const { invocation, dueRowKey } = invocationRowOf(row, row.etag);
    actions.push(
      ['delete', { partitionKey, rowKey }],
      ['delete', { partitionKey, rowKey: invocationListRowKey(invocation) }],
    );
    if (dueRowKey !== undefined) actions.push(['delete', { partitionKey, rowKey: dueRowKey }]);
  }
  return (await table.transact(actions)) !== 'conflict';
}
