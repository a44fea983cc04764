/** What all instances know about how fast the hub may be asked. */
export interface PaceState {
  /** When the next send slot begins that nobody has taken. */
  readonly nextSlotAt: number;
  /** Until then nothing is handed over: the hub is away or throttles. */
  readonly pausedUntil: number;
  readonly pauseCode: string;
  /** Pauses in a row, without a hand-over between them. */
  readonly strikes: number;
  /** When a device's queue was last found full, give or take a minute. */
  readonly fullQueueAt: number;
}

export interface PaceStore {
  read(): Promise<{ state: PaceState; version: string } | undefined>;
  /** Writes if nobody else has since `version` was read; undefined if somebody has. */
  write(state: PaceState, version: string | undefined): Promise<string | undefined>;
}

export interface HubPace {
  /** Settles when a hand-over may begin, or says how long there is no point in waiting for that. */
  permit(): Promise<'go' | { readonly waitMs: number; readonly code: string }>;
  /** The hub is away or throttles: nobody hands anything over for a while. Says for how long. */
  pause(code: string, retryAfterSeconds?: number): Promise<number>;
  /** The hub took a message. */
  succeeded(): Promise<void>;
  noteFullQueue(): Promise<void>;
  /** Whether a device's queue was found full lately. */
  sawFullQueue(): Promise<boolean>;
}

const NOTHING: PaceState = {
  nextSlotAt: 0,
  pausedUntil: 0,
  pauseCode: '',
  strikes: 0,
  fullQueueAt: 0,
};

/** How long what was read may be used. */
const FRESH_MS = 1_000;
/** A block of send slots lasts about as long; who would have to wait longer comes back later. */
const BLOCK_MS = 1_000;
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;
const QUOTA_PAUSE_MS = 5 * 60_000;
const NOTE_EVERY_MS = 60_000;
/** Longer than the longest time between two tries on a full queue. */
const LATELY_MS = 10 * 60_000;
const TRIES = 5;

/** `sendsPerSecond` undefined: the hub's own throttling is the only limit. */
export function hubPace(dependencies: {
  store: PaceStore;
  sendsPerSecond: number | undefined;
  now: () => number;
  sleep: (ms: number) => Promise<void>;
}): HubPace {
  const { store, sendsPerSecond, now, sleep } = dependencies;
  let known: { state: PaceState; version: string | undefined; readAt: number } | undefined;
  /** Slots taken and not used, by the time at which each begins. */
  let slots: number[] = [];
  let turn: Promise<unknown> = Promise.resolve();

  async function read(): Promise<PaceState> {
    const stored = await store.read();
    known = { state: stored?.state ?? NOTHING, version: stored?.version, readAt: now() };
    return known.state;
  }

  async function current(): Promise<PaceState> {
    return known && now() - known.readAt < FRESH_MS ? known.state : read();
  }

  /** The newest state after the change; where others change it all the time, the state as it is. */
  async function change(
    compute: (state: PaceState) => PaceState | undefined,
  ): Promise<{ state: PaceState; changed: boolean }> {
    let state = await current();
    for (let tries = 0; tries < TRIES; tries += 1) {
      const next = compute(state);
      if (!next) return { state, changed: false };
      const version = await store.write(next, known?.version);
      if (version !== undefined) {
        known = { state: next, version, readAt: now() };
        return { state: next, changed: true };
      }
      state = await read();
    }
    return { state, changed: false };
  }

  async function takeBlock(rate: number): Promise<number> {
    const intervalMs = 1000 / rate;
    const count = Math.max(1, Math.floor(BLOCK_MS / intervalMs));
    let from = 0;
    const { state, changed } = await change((latest) => {
      from = Math.max(latest.nextSlotAt, now());
      if (from - now() > BLOCK_MS) return undefined;
      return { ...latest, nextSlotAt: from + count * intervalMs };
    });
    if (!changed) return Math.max(state.nextSlotAt - now(), intervalMs);
    slots = Array.from({ length: count }, (_, index) => from + index * intervalMs);
    return 0;
  }

  async function permitNow(): ReturnType<HubPace['permit']> {
    const { pausedUntil, pauseCode } = await current();
    if (pausedUntil > now()) return { waitMs: pausedUntil - now(), code: pauseCode };
    if (sendsPerSecond === undefined) return 'go';
    // A slot that nobody used in time is lost: kept, it would let through more at once than agreed.
    slots = slots.filter((slotAt) => slotAt > now() - BLOCK_MS);
    if (slots.length === 0) {
      const waitMs = await takeBlock(sendsPerSecond);
      if (waitMs > 0) return { waitMs, code: 'throttled' };
    }
    const slotAt = slots.shift() ?? now();
    if (slotAt > now()) await sleep(slotAt - now());
    return 'go';
  }

  return {
    async permit() {
      const permitted = turn.then(permitNow);
      turn = permitted.catch(() => undefined);
      return permitted;
    },

    async pause(code, retryAfterSeconds = 0) {
      const { state } = await change((latest) => {
        // One of many that found the same.
        if (latest.pausedUntil > now()) return undefined;
        const grown = Math.min(FIRST_PAUSE_MS * 2 ** latest.strikes, LONGEST_PAUSE_MS);
        const pauseMs = code === 'quota-exceeded' ? QUOTA_PAUSE_MS : grown;
        return {
          ...latest,
          pausedUntil: now() + Math.max(pauseMs, retryAfterSeconds * 1000),
          pauseCode: code,
          strikes: latest.strikes + 1,
        };
      });
      return Math.max(state.pausedUntil - now(), FIRST_PAUSE_MS);
    },

    async succeeded() {
      if ((known?.state.strikes ?? 0) === 0) return;
      await change((latest) => {
        const isOver = latest.strikes > 0 && latest.pausedUntil <= now();
        return isOver ? { ...latest, strikes: 0 } : undefined;
      });
    },

    async noteFullQueue() {
      await change((latest) =>
        now() - latest.fullQueueAt < NOTE_EVERY_MS ? undefined : { ...latest, fullQueueAt: now() },
      );
    },

    async sawFullQueue() {
      return now() - (await current()).fullQueueAt < LATELY_MS;
    },
  };
}
