export interface Connection {
  /** False as soon as nothing new should be begun on it. */
  readonly usable: boolean;
  /** Never rejects, and takes no longer than its own bound. */
  close(): Promise<void>;
}

export interface Lease<C> {
  readonly connection: C;
  /** Whether it was opened for this lease, or stems from an earlier call and may have died since. */
  readonly fresh: boolean;
  release(): void;
}

export interface SharedConnection<C extends Connection> {
  /** Rejects as `open` does; every caller waits for the same opening, and takes no longer than one. */
  acquire(): Promise<Lease<C>>;
  /** Nothing new is begun on the connection; it is closed once those who use it are done. */
  drop(connection: C): void;
  close(): Promise<void>;
}

interface Shared<C> {
  readonly connection: C;
  users: number;
  lastUsedAt: number;
}

/** One connection for the whole process: opened on first use, replaced when it is lost or was left alone too long. */
export function sharedConnection<C extends Connection>(options: {
  open: () => Promise<C>;
  maxIdleMs: number;
  now: () => number;
}): SharedConnection<C> {
  const { open, maxIdleMs, now } = options;
  const inUse = new Set<Shared<C>>();
  const closing = new Set<Promise<void>>();
  let current: Shared<C> | undefined;
  let opening: Promise<Shared<C>> | undefined;
  let closed = false;

  function closeWhenUnused(shared: Shared<C>): void {
    if (shared === current || shared.users > 0 || !inUse.delete(shared)) return;
    const done = shared.connection.close().finally(() => closing.delete(done));
    closing.add(done);
  }

  function drop(connection: C): void {
    if (current?.connection !== connection) return;
    const dropped = current;
    current = undefined;
    closeWhenUnused(dropped);
  }

  async function openNew(): Promise<Shared<C>> {
    const connection = await open();
    const shared = { connection, users: 0, lastUsedAt: now() };
    inUse.add(shared);
    if (closed) closeWhenUnused(shared);
    else current = shared;
    return shared;
  }

  function reusable(): Shared<C> | undefined {
    if (!current) return undefined;
    const leftAlone = current.users === 0 && now() - current.lastUsedAt > maxIdleMs;
    if (current.connection.usable && !leftAlone) return current;
    drop(current.connection);
    return undefined;
  }

  function lease(shared: Shared<C>, fresh: boolean): Lease<C> {
    let released = false;
    shared.users++;
    return {
      connection: shared.connection,
      fresh,
      release() {
        if (released) return;
        released = true;
        shared.users--;
        shared.lastUsedAt = now();
        if (!shared.connection.usable) drop(shared.connection);
        closeWhenUnused(shared);
      },
    };
  }

  return {
    drop,

    async acquire() {
      if (closed) throw new Error('The connection to the hub has been closed');
      const known = reusable();
      if (known) return lease(known, false);
      opening ??= openNew().finally(() => {
        opening = undefined;
      });
      return lease(await opening, true);
    },

    async close() {
      closed = true;
      await opening?.catch(() => undefined);
      if (current) drop(current.connection);
      for (const shared of inUse) {
        shared.users = 0;
        closeWhenUnused(shared);
      }
      await Promise.all(closing);
    },
  };
}
