import type { Table } from './table.ts';
import { CONTROL_PARTITION } from './table-keys.ts';

export interface ControlRow<State> {
  read(): Promise<{ state: State; version: string } | undefined>;
  /** Writes if nobody else has since `version` was read; undefined if somebody has. */
  write(state: State, version: string | undefined): Promise<string | undefined>;
}

/** A row that all instances share. */
export function tableControlRow<State>(table: Table, rowKey: string): ControlRow<State> {
  const key = { partitionKey: CONTROL_PARTITION, rowKey };
  return {
    async read() {
      const row = await table.find(key.partitionKey, key.rowKey);
      if (!row) return undefined;
      // Written below and by nothing else.
      const state: State = JSON.parse(String(row['state']));
      return { state, version: row.etag };
    },

    async write(state, version) {
      const entity = { ...key, state: JSON.stringify(state) };
      const etags = await table.transact([
        version === undefined
          ? ['create', entity]
          : ['update', entity, 'Replace', { etag: version }],
      ]);
      return etags === 'conflict' ? undefined : (etags[0] ?? '');
    },
  };
}
