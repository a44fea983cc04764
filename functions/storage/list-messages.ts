import type { ListQuery, MessagePage } from '../messages/message-store.ts';
import { messageOf } from './message-rows.ts';
import { listPage } from './list-page.ts';
import type { Table } from './table.ts';
import { listRange, partitionOf } from './table-keys.ts';

export async function listMessages(table: Table, query: ListQuery): Promise<MessagePage> {
  const range = { partitionKey: partitionOf(query.deviceId), ...listRange(query) };
  const { rows, ...next } = await listPage(table, { ...query, list: 'messages', range });
  return { items: rows.map(messageOf), ...next };
}
