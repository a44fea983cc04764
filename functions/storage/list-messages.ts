import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import type { ListQuery, MessagePage } from '../messages/message-store.ts';
import { messageOf } from './message-rows.ts';
import { httpStatusOf } from './storage-errors.ts';
import type { Table } from './table.ts';
import { listRange, partitionOf } from './table-keys.ts';

/**
 * One page is one request to the storage, however long the device's history. With a filter by status a page may
 * hold fewer than `limit` messages, even none, and still have a successor.
 */
export async function listMessages(table: Table, query: ListQuery): Promise<MessagePage> {
  const { deviceId, status, continuationToken } = query;
  const range = { partitionKey: partitionOf(deviceId), ...listRange(query) };
  const page = await table
    .page(range, {
      limit: query.limit,
      ...(status !== undefined && { filter: `status eq '${status}'` }),
      ...(continuationToken !== undefined && {
        continuationToken: toStorageToken(continuationToken, deviceId),
      }),
    })
    .catch((error: unknown) => {
      const refused = error instanceof DownlinkError && httpStatusOf(error.cause) === 400;
      throw refused && continuationToken !== undefined ? badToken() : error;
    });
  return {
    items: page.rows.map(messageOf),
    ...(page.continuationToken !== undefined && {
      continuationToken: toOurToken(page.continuationToken, deviceId),
    }),
  };
}

/** The storage SDK's own token inside ours: where the next page begins. */
const storageTokenSchema = z.strictObject({
  nextPartitionKey: z.string(),
  nextRowKey: z.string().optional(),
});
const tokenSchema = z.strictObject({ deviceId: z.string(), next: storageTokenSchema });

function toOurToken(storageToken: string, deviceId: string): string {
  const next: unknown = JSON.parse(Buffer.from(storageToken, 'base64').toString());
  return Buffer.from(JSON.stringify({ deviceId, next })).toString('base64url');
}

function toStorageToken(token: string, deviceId: string): string {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    throw badToken();
  }
  const parsed = tokenSchema.safeParse(content);
  if (!parsed.success || parsed.data.deviceId !== deviceId) throw badToken();
  return Buffer.from(JSON.stringify(parsed.data.next)).toString('base64');
}

function badToken(): DownlinkError {
  const message = 'is not one that this list gave; leave it out to begin anew';
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path: 'query.continuationToken', message }],
  });
}
