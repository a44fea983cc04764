import pMap from 'p-map';
import type { TransactionAction } from '@azure/data-tables';
import { messageRowOf } from './message-rows.ts';
import type { Table } from './table.ts';
import {
  ALL_PARTITIONS,
  backlogRowKey,
  dayRange,
  listRowKey,
  messageRowKey,
} from './table-keys.ts';

const AT_ONCE = 200;
const IN_FLIGHT = 8;

/** Removes all messages of the days that ended before `before`, by key range: no row of a younger one is read. */
export async function removeMessagesCreatedBefore(table: Table, before: number): Promise<number> {
  let removed = 0;
  for (const partitionKey of ALL_PARTITIONS) {
    for (;;) {
      const { rows } = await table.page({ partitionKey, ...dayRange(before) }, { limit: AT_ONCE });
      const results = await pMap(
        rows,
        async (row) =>
          removeMessage(table, {
            partitionKey,
            dayRowKey: String(row['rowKey']),
            deviceId: String(row['deviceId']),
            messageId: String(row['messageId']),
          }),
        { concurrency: IN_FLIGHT },
      );
      const gone = results.filter(Boolean).length;
      removed += gone;
      // A message that changed meanwhile stays for the next run.
      if (rows.length < AT_ONCE || gone === 0) break;
    }
  }
  return removed;
}

async function removeMessage(
  table: Table,
  at: { partitionKey: string; dayRowKey: string; deviceId: string; messageId: string },
): Promise<boolean> {
  const { partitionKey } = at;
  const rowKey = messageRowKey(at);
  const row = await table.find(partitionKey, rowKey);
  const actions: TransactionAction[] = [['delete', { partitionKey, rowKey: at.dayRowKey }]];
  if (row) {
    const { message, openRowKey } = messageRowOf(row, row.etag);
    actions.push(
      ['delete', { partitionKey, rowKey }],
      ['delete', { partitionKey, rowKey: listRowKey(message) }],
    );
    if (message.backlog) {
      const { acceptedAt } = message.backlog;
      actions.push(['delete', { partitionKey, rowKey: backlogRowKey({ ...at, acceptedAt }) }]);
    }
    if (openRowKey !== undefined) actions.push(['delete', { partitionKey, rowKey: openRowKey }]);
  }
  return (await table.transact(actions)) !== 'conflict';
}
