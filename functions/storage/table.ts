import { TableClient } from '@azure/data-tables';
import type { TableEntityResult, TransactionAction } from '@azure/data-tables';
import {
  httpStatusOf,
  STORAGE_RETRIES,
  STORAGE_TIMEOUT_MS,
  storageErrorCode,
  storageUnavailable,
} from './storage-errors.ts';

export type Row = TableEntityResult<Record<string, unknown>>;

export interface RowRange {
  readonly partitionKey: string;
  /** Inclusive. */
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
}

/** The few things we do with a table: bounded in time, the table made on first use, foreign errors made ours. */
export interface Table {
  find(partitionKey: string, rowKey: string): Promise<Row | undefined>;
  /** One page, which is one request: at most `limit` rows in the order of their keys. */
  page(
    range: RowRange,
    options: { limit: number; filter?: string; select?: string[]; continuationToken?: string },
  ): Promise<{ rows: Row[]; continuationToken?: string }>;
  /**
   * All or nothing, in one partition; the ETags of the rows written, in the order of the actions.
   * `conflict`: a row had changed, was there already, or was gone.
   */
  transact(actions: TransactionAction[]): Promise<(string | undefined)[] | 'conflict'>;
}

const CONFLICTS = new Set([404, 409, 412]);

export function connectTable(connectionString: string, tableName: string): Table {
  const client = TableClient.fromConnectionString(connectionString, tableName, {
    // Only the storage emulator speaks plain HTTP.
    allowInsecureConnection: connectionString.includes('=http://'),
    retryOptions: STORAGE_RETRIES,
  });

  async function attempt<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await request(AbortSignal.timeout(STORAGE_TIMEOUT_MS));
    } catch (error) {
      if (storageErrorCode(error) !== 'TableNotFound') throw error;
      await client.createTable({ abortSignal: AbortSignal.timeout(STORAGE_TIMEOUT_MS) });
      return request(AbortSignal.timeout(STORAGE_TIMEOUT_MS));
    }
  }

  return {
    async find(partitionKey, rowKey) {
      try {
        return await attempt(async (abortSignal) =>
          client.getEntity(partitionKey, rowKey, { abortSignal }),
        );
      } catch (error) {
        if (httpStatusOf(error) === 404) return undefined;
        throw storageUnavailable(error);
      }
    },

    async page(range, { limit, filter, select, continuationToken }) {
      const bounds = `PartitionKey eq '${range.partitionKey}' and RowKey ge '${quoted(range.from)}' and RowKey lt '${quoted(range.to)}'`;
      try {
        return await attempt(async (abortSignal) => {
          const pages = client
            .listEntities({
              abortSignal,
              queryOptions: {
                filter: filter === undefined ? bounds : `${bounds} and ${filter}`,
                ...(select && { select }),
              },
            })
            .byPage({
              maxPageSize: limit,
              ...(continuationToken !== undefined && { continuationToken }),
            });
          const { value } = await pages.next();
          if (value === undefined) return { rows: [] };
          return {
            rows: [...value],
            ...(value.continuationToken && { continuationToken: value.continuationToken }),
          };
        });
      } catch (error) {
        throw storageUnavailable(error);
      }
    },

    async transact(actions) {
      try {
        const { subResponses } = await attempt(async (abortSignal) =>
          client.submitTransaction(actions, { abortSignal }),
        );
        return subResponses.map((response) => response.etag);
      } catch (error) {
        if (CONFLICTS.has(httpStatusOf(error) ?? 0)) return 'conflict';
        throw storageUnavailable(error);
      }
    },
  };
}

/** In an OData literal a quote is doubled. */
function quoted(text: string): string {
  return text.replaceAll("'", "''");
}
