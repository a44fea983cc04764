import type { WakeUpSchedule, WakeUpStore } from '../messages/feedback-wake-ups.ts';
import type { Table } from './table.ts';
import { CONTROL_PARTITION } from './table-keys.ts';

const KEY = { partitionKey: CONTROL_PARTITION, rowKey: 'feedback-wake-up' };

export function tableWakeUpStore(table: Table): WakeUpStore {
  return {
    async read() {
      const row = await table.find(KEY.partitionKey, KEY.rowKey);
      if (!row) return undefined;
      // Written below and by nothing else.
      const schedule: WakeUpSchedule = JSON.parse(String(row['schedule']));
      return { schedule, version: row.etag };
    },

    async write(schedule, version) {
      const entity = { ...KEY, schedule: JSON.stringify(schedule) };
      const etags = await table.transact([
        version === undefined
          ? ['create', entity]
          : ['update', entity, 'Replace', { etag: version }],
      ]);
      return etags === 'conflict' ? undefined : (etags[0] ?? '');
    },
  };
}
