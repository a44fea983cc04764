import type { TransactionAction } from '@azure/data-tables';
import type { Backlog } from '../messages/dispatch/backlog.ts';
import type { Message } from '../messages/message.ts';
import type { StoredMessage } from '../messages/message-store.ts';
import { backlogMessageRow, orderRow, workRow } from './backlog-rows.ts';
import type { MessageRow } from './message-rows.ts';
import { contended, fromStored, MAX_TRIES, stored, writtenRow } from './message-transactions.ts';
import type { MessageTransactions } from './message-transactions.ts';
import { serially } from './serially.ts';
import type { Table } from './table.ts';
import { orderRowKey, partitionOf } from './table-keys.ts';

interface Order {
  readonly etag: string;
  readonly acceptedAt: number;
}

/** What those who write one after the other hand on. */
interface Chain {
  readonly order: Order | undefined;
  /** The last messages that were written or found: many repeats at once find theirs here. */
  readonly messages: Map<string, { readonly stored: StoredMessage; readonly at: number }>;
}

/** Kept of a chain; it ends when nobody waits any more. */
const MAX_KNOWN = 100;
/** After that a message may have failed, and a repeat be a new try. */
const FRESH_MS = 1_000;

/**
 * Messages join a backlog one after the other: each moves the device's order row on, under its ETag, so that times of
 * acceptance grow in the order of the writes, whoever writes and whatever the clocks say. Within a process they queue,
 * and each builds on what the one before has written.
 */
export function joinBacklog(options: {
  table: Table;
  rows: MessageTransactions;
  now: () => number;
}): Pick<Backlog, 'append' | 'appendAgain'> {
  const { table, rows, now } = options;
  const queue = serially<Chain>();

  function withMessage({ messages }: Chain, latest: StoredMessage): Chain['messages'] {
    const [oldest] = messages.keys();
    if (messages.size >= MAX_KNOWN && oldest !== undefined) messages.delete(oldest);
    return messages.set(latest.message.messageId, { stored: latest, at: now() });
  }

  async function begin(deviceId: string): Promise<Chain> {
    return { order: await readOrder(deviceId), messages: new Map() };
  }

  async function readOrder(deviceId: string): Promise<Order | undefined> {
    const row = await table.find(partitionOf(deviceId), orderRowKey(deviceId));
    return row && { etag: row.etag, acceptedAt: Number(row['acceptedAt']) };
  }

  async function join(
    joining: { message: Message; acceptedAt: number; body: Uint8Array; order: Order | undefined },
    messageActions: TransactionAction[],
  ): Promise<{ row: MessageRow; order: Order } | 'conflict'> {
    const { message, acceptedAt, body, order } = joining;
    const { deviceId } = message;
    const next = orderRow(deviceId, acceptedAt);
    const actions: TransactionAction[] = [
      ...messageActions,
      ['create', backlogMessageRow(message, acceptedAt, body)],
      ['upsert', workRow(deviceId, acceptedAt), 'Replace'],
      order ? ['update', next, 'Replace', { etag: order.etag }] : ['create', next],
    ];
    const etags = await table.transact(actions);
    if (etags === 'conflict') return 'conflict';
    return {
      row: writtenRow(message, etags[0], actions),
      order: { etag: etags.at(-1) ?? '', acceptedAt },
    };
  }

  /** After the last one, or later: two messages of a device never share a time. */
  function nextTime(order: Order | undefined): number {
    return Math.max(now(), (order?.acceptedAt ?? 0) + 1);
  }

  return {
    async append(key, compose, body) {
      return queue<StoredMessage & { inserted: boolean }>(key.deviceId, async (left) => {
        const known = left?.messages.get(key.messageId);
        if (left && known && now() - known.at < FRESH_MS) {
          return { result: { ...known.stored, inserted: false }, latest: left };
        }
        const chain = left ?? (await begin(key.deviceId));
        const tried = new Set<number>();
        let { order } = chain;
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          const acceptedAt = nextTime(order);
          tried.add(acceptedAt);
          const message = compose(acceptedAt);
          const joining = { message, acceptedAt, body, order };
          const joined = await join(joining, rows.insertion(message));
          if (joined !== 'conflict') {
            const written = stored(joined.row);
            return {
              result: { ...written, inserted: true },
              latest: { order: joined.order, messages: withMessage(chain, written) },
            };
          }
          const [existing, latest] = await Promise.all([
            rows.findRow(key),
            readOrder(key.deviceId),
          ]);
          if (existing) {
            // A retry after an answer that got lost on its way meets our own row.
            const ours =
              existing.message.contentHash === message.contentHash &&
              tried.has(existing.message.createdAt);
            const found = stored(existing);
            return {
              result: { ...found, inserted: ours },
              latest: { order: latest, messages: withMessage(chain, found) },
            };
          }
          order = latest;
        }
        throw contended();
      });
    },

    async appendAgain(from, change, body) {
      const { deviceId } = from.message;
      return queue<StoredMessage & { changed: boolean }>(deviceId, async (left) => {
        const chain = left ?? (await begin(deviceId));
        let { order } = chain;
        let current: MessageRow | undefined = fromStored(from);
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          if (!current) throw contended();
          const acceptedAt = nextTime(order);
          const message = change(current.message, acceptedAt);
          if (!message) {
            return {
              result: { ...stored(current), changed: false },
              latest: { order, messages: chain.messages },
            };
          }
          const joining = { message, acceptedAt, body, order };
          const joined = await join(joining, rows.replacement(current, message));
          if (joined !== 'conflict') {
            const written = stored(joined.row);
            return {
              result: { ...written, changed: true },
              latest: { order: joined.order, messages: withMessage(chain, written) },
            };
          }
          [current, order] = await Promise.all([rows.findRow(from.message), readOrder(deviceId)]);
        }
        throw contended();
      });
    },
  };
}
