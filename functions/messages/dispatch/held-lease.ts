import type { Change, MessageStore, StoredMessage } from '../message-store.ts';
import type { Backlog, BacklogEntry, BacklogView, DispatchLease } from './backlog.ts';
import type { DispatchWakeUp } from './dispatch-queue.ts';

/** Messages looked at in one go; their bodies are read with them. */
const AT_ONCE = 16;
/** Somebody else got through each time. */
const MAX_TRIES = 20;

export interface Note {
  readonly stored: StoredMessage;
  readonly change: Change;
  /** What the hub said stays true whoever holds the lease; what was decided here does not. */
  readonly isFact: boolean;
}

/** `changed`: the backlog has been read anew, and nothing was written. `lost`: another owns it now. */
type Kept = 'kept' | 'changed' | 'lost';

/** Why there is nothing to do for a wake-up: nothing waits, another is at it, or the next try is planned for later. */
export type NotHeld = 'nothing-waits' | 'another-dispatches' | 'not-yet';

/**
 * The right to hand over one device's backlog. Everything is written under the lease's version, together with what
 * became of the messages: whoever lost the lease finds out before the next message goes to the hub.
 */
export interface HeldLease {
  /** The next message, or undefined if none waits. */
  next(): BacklogEntry | undefined;
  /** Whether the hub may have the message from one who held the lease before. */
  isInDoubt(entry: BacklogEntry): boolean;
  /** How often in a row the first message had been put off. */
  readonly deferrals: number;
  /** What has become of a message; stored with the next write. */
  note(entry: BacklogEntry, note: Note | 'orphan'): void;
  readonly noted: number;
  /** Renews the lease and names the message that is handed over next. */
  keep(atHub?: BacklogEntry): Promise<Kept>;
  /** Ends it, if nothing waits any more. */
  end(): Promise<Kept>;
  /** Gives it back with messages waiting. False if it was lost before. */
  release(retryAt: number, deferrals: number): Promise<boolean>;
}

export async function holdLease(
  dependencies: {
    backlog: Backlog;
    store: Pick<MessageStore, 'find' | 'changeMany'>;
    now: () => number;
    leaseMs: number;
  },
  wakeUp: DispatchWakeUp,
  owner: string,
): Promise<HeldLease | NotHeld> {
  const { backlog, store, now, leaseMs } = dependencies;
  const { deviceId } = wakeUp;
  const first = await backlog.read(deviceId, AT_ONCE);
  if (!first) return 'nothing-waits';
  const refusal = refusalOf(first.lease, wakeUp, now());
  if (refusal) return refusal;

  let view = first;
  let isOurs = false;
  let entries = [...view.entries];
  let notes = new Map<string, Note>();
  let orphans: BacklogEntry[] = [];
  const inDoubt = first.lease?.atHub;

  /** What was noted and not written stays noted; where it stands now is read anew. */
  async function readAgain(): Promise<boolean> {
    const latest = await backlog.read(deviceId, AT_ONCE);
    const stillOurs = isOurs && latest?.lease?.owner === owner;
    if (!latest || !stillOurs) {
      await storeFacts();
      return false;
    }
    take(latest);
    const present = new Set(latest.entries.map(keyOf));
    orphans = orphans.filter((entry) => present.has(keyOf(entry)));
    const renewed = await Promise.all(
      [...notes].map(async ([key, note]) => {
        const stored = await store.find(note.stored.message);
        return stored && ([key, { ...note, stored }] as const);
      }),
    );
    notes = new Map(renewed.filter((each) => each !== undefined));
    return true;
  }

  function take(latest: BacklogView): void {
    view = latest;
    entries = latest.entries.filter((entry) => !notes.has(keyOf(entry)));
  }

  async function storeFacts(): Promise<void> {
    const facts = [...notes.values()].filter(({ isFact }) => isFact);
    notes = new Map();
    await store.changeMany(
      facts.map(({ stored, change }) => ({
        deviceId,
        messageId: stored.message.messageId,
        change,
      })),
    );
  }

  async function write(lease: DispatchLease | 'ended'): Promise<Kept> {
    const written = await backlog.write(deviceId, {
      versions: view.versions,
      lease,
      changes: [...notes.values()].flatMap(({ stored, change }) => {
        const to = change(stored.message);
        return to ? [{ from: stored, to }] : [];
      }),
      orphans,
    });
    if (written === 'conflict') return (await readAgain()) ? 'changed' : 'lost';
    isOurs = true;
    notes = new Map();
    orphans = [];
    view = { ...view, versions: { ...view.versions, lease: written.leaseVersion } };
    return 'kept';
  }

  const idle: DispatchLease = { owner: '', until: 0, retryAt: 0, deferrals: 0 };

  async function keep(atHub?: BacklogEntry): Promise<Kept> {
    return write({
      ...idle,
      owner,
      until: now() + leaseMs,
      ...(atHub && { atHub: { acceptedAt: atHub.acceptedAt, messageId: atHub.messageId } }),
    });
  }

  return {
    next: () => entries.shift(),
    isInDoubt: ({ acceptedAt, messageId }) =>
      inDoubt?.acceptedAt === acceptedAt && inDoubt.messageId === messageId,
    deferrals: first.lease?.deferrals ?? 0,
    note(entry, note) {
      if (note === 'orphan') orphans.push(entry);
      else notes.set(keyOf(entry), note);
    },
    get noted() {
      return notes.size + orphans.length;
    },

    keep,

    async end() {
      if (!view.hasMore) return write('ended');
      const kept = await keep();
      if (kept !== 'kept') return kept;
      return (await readAgain()) ? 'changed' : 'lost';
    },

    async release(retryAt, deferrals) {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const kept = await write({ ...idle, retryAt, deferrals });
        if (kept !== 'changed') return kept === 'kept';
      }
      await storeFacts();
      return false;
    },
  };
}

function refusalOf(
  lease: DispatchLease | undefined,
  wakeUp: DispatchWakeUp,
  now: number,
): NotHeld | undefined {
  if (!lease) return undefined;
  if (lease.owner !== '' && lease.until > now) return 'another-dispatches';
  const isAwaited = wakeUp.hasRoom === true || wakeUp.retryAt === lease.retryAt;
  return lease.retryAt > now && !isAwaited ? 'not-yet' : undefined;
}

function keyOf({ acceptedAt, messageId }: BacklogEntry): string {
  return `${acceptedAt}|${messageId}`;
}
