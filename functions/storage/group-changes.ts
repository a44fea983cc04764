import type { TransactionAction } from '@azure/data-tables';
import pMap from 'p-map';
import type { Message } from '../messages/message.ts';
import type {
  Change,
  ChangeOutcome,
  MessageChange,
  MessageKey,
  StoredMessage,
} from '../messages/message-store.ts';
import type { MessageRow } from './message-rows.ts';
import { messageRowKey, partitionOf } from './table-keys.ts';

/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const MAX_ACTIONS = 100;
/** A message's own row, its copy for lists, the open row removed and another made, its event, its place in the backlog. */
const ACTIONS_OF_A_MESSAGE = 6;
const MAX_MESSAGES = Math.floor(MAX_ACTIONS / ACTIONS_OF_A_MESSAGE);
/** A transaction holds 4 MiB; a row's copy and the framing come on top of what is counted. */
const MAX_CHARACTERS = 1024 * 1024;
const IN_FLIGHT = 32;

interface Rows {
  findRow(key: MessageKey): Promise<MessageRow | undefined>;
  replacement(current: MessageRow, message: Message): TransactionAction[];
  changeRow(row: MessageRow, change: Change): Promise<StoredMessage & { changed: boolean }>;
  transact(actions: TransactionAction[]): Promise<unknown[] | 'conflict'>;
}

interface Pending {
  readonly key: MessageKey;
  readonly changes: Change[];
  /** Where the outcomes of these changes stand in the answer. */
  readonly indexes: number[];
  /** What there is and what it becomes; absent if nothing changes. */
  transition?: { readonly from: MessageRow; readonly to: Message };
}

/**
 * Applies many changes with few transactions, grouped by partition. A group that fails is split, so that no
 * message's fate hangs on another's.
 */
export async function changeInGroups(
  changes: readonly MessageChange[],
  rows: Rows,
): Promise<ChangeOutcome[]> {
  const outcomes: ChangeOutcome[] = changes.map(() => 'unchanged');
  const settle = (pending: Pending, outcome: ChangeOutcome) => {
    for (const index of pending.indexes) outcomes[index] = outcome;
  };

  const all = byMessage(changes);
  await pMap(
    all,
    async (pending) => {
      const row = await rows.findRow(pending.key);
      if (!row) return settle(pending, 'not-found');
      const message = composed(pending.changes)(row.message);
      if (message) pending.transition = { from: row, to: message };
      return undefined;
    },
    { concurrency: IN_FLIGHT },
  );

  await pMap(
    groups(all),
    async (group) => {
      const written = await rows.transact(
        group.flatMap(({ transition }) =>
          transition ? rows.replacement(transition.from, transition.to) : [],
        ),
      );
      if (written !== 'conflict') {
        for (const pending of group) settle(pending, 'changed');
        return;
      }
      for (const pending of group) settle(pending, await changeAlone(pending, rows));
    },
    { concurrency: IN_FLIGHT },
  );
  return outcomes;
}

async function changeAlone(pending: Pending, rows: Rows): Promise<ChangeOutcome> {
  const row = await rows.findRow(pending.key);
  if (!row) return 'not-found';
  const { changed } = await rows.changeRow(row, composed(pending.changes));
  return changed ? 'changed' : 'unchanged';
}

/** Two records of one message must not meet in a transaction: they become one change. */
function byMessage(changes: readonly MessageChange[]): Pending[] {
  const pending = new Map<string, Pending>();
  changes.forEach(({ deviceId, messageId, change }, index) => {
    const id = messageRowKey({ deviceId, messageId });
    const known = pending.get(id) ?? { key: { deviceId, messageId }, changes: [], indexes: [] };
    known.changes.push(change);
    known.indexes.push(index);
    pending.set(id, known);
  });
  return [...pending.values()];
}

function composed(changes: readonly Change[]): Change {
  return (message) => {
    const result = changes.reduce((current, change) => change(current) ?? current, message);
    return result === message ? undefined : result;
  };
}

function groups(all: readonly Pending[]): Pending[][] {
  const result: Pending[][] = [];
  const open = new Map<string, { members: Pending[]; characters: number }>();
  for (const pending of all) {
    if (!pending.transition) continue;
    const partition = partitionOf(pending.key.deviceId);
    // The message, its copy for lists, and escapes.
    const characters = 3 * JSON.stringify(pending.transition.to).length;
    let group = open.get(partition);
    if (
      !group ||
      group.members.length >= MAX_MESSAGES ||
      group.characters + characters > MAX_CHARACTERS
    ) {
      group = { members: [], characters: 0 };
      open.set(partition, group);
      result.push(group.members);
    }
    group.members.push(pending);
    group.characters += characters;
  }
  return result;
}
