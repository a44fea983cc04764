import type { Table } from './table.ts';
import { ALL_PARTITIONS, eventRange } from './table-keys.ts';

/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const MAX_ACTIONS = 100;

/** Removes all events recorded before `before`, by key range, a hundred at a time. */
export async function removeEventsBefore(table: Table, before: number): Promise<number> {
  let removed = 0;
  for (const partitionKey of ALL_PARTITIONS) {
    for (;;) {
      const range = { partitionKey, ...eventRange({ before }) };
      const { rows } = await table.page(range, { limit: MAX_ACTIONS, select: ['rowKey'] });
      if (rows.length === 0) break;
      const written = await table.transact(
        rows.map(({ rowKey }) => ['delete', { partitionKey, rowKey: String(rowKey) }]),
      );
      // Somebody else removes them too: the rest stays for the next run.
      if (written === 'conflict') break;
      removed += rows.length;
    }
  }
  return removed;
}
