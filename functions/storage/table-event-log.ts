import type { EventLog } from '../event-log/status-event.ts';
import { eventOf } from './event-rows.ts';
import { removeEventsBefore } from './remove-events.ts';
import type { Table } from './table.ts';
import { ALL_PARTITIONS, eventRange, partitionOf } from './table-keys.ts';

/** Events of a lane that one request brings at the most. */
const PAGE_SIZE = 500;

/** The events that the stores write beside each change: a lane is a partition. */
export function tableEventLog(
  table: Table,
  { pageSize = PAGE_SIZE }: { pageSize?: number } = {},
): EventLog {
  return {
    lanes: (deviceId) => (deviceId === undefined ? ALL_PARTITIONS : [partitionOf(deviceId)]),

    async read({ lane, since, deviceId, continuationToken }) {
      const page = await table.page(
        { partitionKey: lane, ...eventRange({ since }) },
        {
          limit: pageSize,
          ...(deviceId !== undefined && {
            filter: `deviceId eq '${deviceId.replaceAll("'", "''")}'`,
          }),
          ...(continuationToken !== undefined && { continuationToken }),
        },
      );
      return {
        events: page.rows.map(eventOf),
        ...(page.continuationToken !== undefined && { continuationToken: page.continuationToken }),
      };
    },

    removeBefore: async (before) => removeEventsBefore(table, before),
  };
}
