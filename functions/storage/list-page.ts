import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import { httpStatusOf } from './storage-errors.ts';
import type { Row, RowRange, Table } from './table.ts';

/** The storage SDK's own token inside ours: where the next page begins. */
const storageTokenSchema = z.strictObject({
  nextPartitionKey: z.string(),
  nextRowKey: z.string().optional(),
});
const tokenSchema = z.strictObject({
  list: z.string(),
  deviceId: z.string(),
  next: storageTokenSchema,
});

interface ListPage {
  /** Which list of the device's it is; a token of one does not serve another. */
  readonly list: 'messages' | 'invocations';
  readonly deviceId: string;
  readonly range: RowRange;
  readonly limit: number;
  readonly status?: string;
  readonly continuationToken?: string;
}

/**
 * One page is one request to the storage, however long the device's history. With a filter by status a page may
 * hold fewer than `limit` rows, even none, and still have a successor.
 */
export async function listPage(
  table: Table,
  { list, deviceId, range, limit, status, continuationToken }: ListPage,
): Promise<{ rows: Row[]; continuationToken?: string }> {
  const page = await table
    .page(range, {
      limit,
      ...(status !== undefined && { filter: `status eq '${status}'` }),
      ...(continuationToken !== undefined && {
        continuationToken: toStorageToken(continuationToken, { list, deviceId }),
      }),
    })
    .catch((error: unknown) => {
      const refused = error instanceof DownlinkError && httpStatusOf(error.cause) === 400;
      throw refused && continuationToken !== undefined ? badToken() : error;
    });
  return {
    rows: page.rows,
    ...(page.continuationToken !== undefined && {
      continuationToken: toOurToken(page.continuationToken, { list, deviceId }),
    }),
  };
}

function toOurToken(storageToken: string, of: { list: string; deviceId: string }): string {
  const next: unknown = JSON.parse(Buffer.from(storageToken, 'base64').toString());
  return Buffer.from(JSON.stringify({ ...of, next })).toString('base64url');
}

function toStorageToken(token: string, of: { list: string; deviceId: string }): string {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    throw badToken();
  }
  const parsed = tokenSchema.safeParse(content);
  if (!parsed.success) throw badToken();
  const { list, deviceId, next } = parsed.data;
  if (list !== of.list || deviceId !== of.deviceId) throw badToken();
  return Buffer.from(JSON.stringify(next)).toString('base64');
}

function badToken(): DownlinkError {
  const message = 'is not one that this list gave; leave it out to begin anew';
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path: 'query.continuationToken', message }],
  });
}
