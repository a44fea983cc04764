import type { Message } from '../message.ts';
import type { MessageKey, MessageStore, StoredMessage } from '../message-store.ts';
import type { Backlog } from './backlog.ts';

/** What a transaction can take. */
const AT_ONCE = 8;
/** Somebody else got through each time. */
const MAX_TRIES = 20;

export interface WithdrawDependencies {
  readonly backlog: Pick<Backlog, 'read' | 'write'>;
  readonly store: Pick<MessageStore, 'find'>;
  readonly now: () => number;
}

/**
 * Takes messages of one device out of its backlog and says how many that were. The one that is being handed over at
 * this moment stays; a dispatch that is under way finds out before its next message.
 */
export async function withdraw(
  dependencies: WithdrawDependencies,
  deviceId: string,
  messages: readonly MessageKey[],
  settle: (message: Message, inDoubt: boolean) => Message | undefined,
): Promise<number> {
  let withdrawn = 0;
  for (let from = 0; from < messages.length; from += AT_ONCE) {
    const chunk = messages.slice(from, from + AT_ONCE);
    withdrawn += await withdrawChunk(dependencies, deviceId, chunk, settle);
  }
  return withdrawn;
}

async function withdrawChunk(
  { backlog, store, now }: WithdrawDependencies,
  deviceId: string,
  messages: readonly MessageKey[],
  settle: (message: Message, inDoubt: boolean) => Message | undefined,
): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const view = await backlog.read(deviceId, 1);
    if (!view) return 0;
    const { lease, versions } = view;
    const isBusy = lease !== undefined && lease.owner !== '' && lease.until > now();
    const found = await Promise.all(messages.map(async (key) => store.find(key)));
    const changes = found.flatMap((from) => {
      const change = from && changeOf(from, lease?.atHub, isBusy, settle);
      return change ? [change] : [];
    });
    if (changes.length === 0) return 0;
    const written = await backlog.write(deviceId, {
      versions,
      lease: 'as-it-is',
      changes,
      orphans: [],
    });
    if (written !== 'conflict') return changes.length;
  }
  return 0;
}

function changeOf(
  from: StoredMessage,
  atHub: { acceptedAt: number; messageId: string } | undefined,
  isBusy: boolean,
  settle: (message: Message, inDoubt: boolean) => Message | undefined,
): { from: StoredMessage; to: Message } | undefined {
  const { backlog, messageId } = from.message;
  if (!backlog) return undefined;
  const wasAtHub = atHub?.acceptedAt === backlog.acceptedAt && atHub.messageId === messageId;
  if (wasAtHub && isBusy) return undefined;
  const to = settle(from.message, wasAtHub || backlog.inDoubt === true);
  return to && { from, to };
}
