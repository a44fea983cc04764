import type { StatusEvent } from '../event-log/status-event.ts';
import { eventOf, isEventRow } from './event-rows.ts';
import type { Table } from './table.ts';

/** A table that tells of every event once its transaction is written. */
export function toldTable(table: Table, tell: (event: StatusEvent) => void): Table {
  return {
    ...table,
    async transact(actions) {
      const etags = await table.transact(actions);
      if (etags === 'conflict') return etags;
      for (const [kind, row] of actions) {
        if (kind === 'create' && isEventRow(row)) tell(eventOf({ ...row }));
      }
      return etags;
    },
  };
}
