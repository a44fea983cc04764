/** The one outstanding wake-up of the feedback drain, shared by all instances of the app. */
export interface WakeUpSchedule {
  /** Names the outstanding wake-up; empty when none is outstanding. */
  readonly token: string;
  /** When it is due, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** The wake-up that runs or ran last; seen again, it was interrupted. */
  readonly claimedToken: string;
  /** How many wake-ups have run since the last send or reader. */
  readonly step: number;
  /** When a send or a reader last asked. */
  readonly requestedAt: number;
}

export interface WakeUpStore {
  read(): Promise<{ state: WakeUpSchedule; version: string } | undefined>;
  /** Writes if nobody else has since `version` was read; undefined if somebody has. */
  write(state: WakeUpSchedule, version: string | undefined): Promise<string | undefined>;
}

export interface WakeUp {
  readonly token: string;
  /** When it is due, in milliseconds since the epoch. */
  readonly dueAt: number;
}

export interface WakeUpQueue {
  enqueue(wakeUp: WakeUp, delayMs: number): Promise<void>;
}

const FIRST_MS = 1_000;
/** Between the wake-ups after a send: most outcomes come at once, or with the hub's next batch, 15 s later. */
const DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;
const BUSY_MS = 2 * 60_000;
const QUIET_DELAY_MS = 60_000;
/** A wake-up overdue by this much is taken for lost: the instance that took it from the queue may have died. */
const LOST_MS = 10_000;

/** How long an overdue wake-up spares us another look: it may run at any moment. */
const OVERDUE_QUIET_MS = 200;

const NOTHING: WakeUpSchedule = {
  token: '',
  dueAt: 0,
  claimedToken: '',
  step: 0,
  requestedAt: 0,
};

export interface FeedbackWakeUps {
  /** Makes sure that the drain runs within a second. Cheap: one storage write a second and process at the most. */
  request(): Promise<void>;
  /** Plans a wake-up if none is outstanding, as after a crash between two of them. */
  restore(): Promise<void>;
  /**
   * Runs the drain for a wake-up and plans the next one while messages are open. Says `stale` when another
   * wake-up has taken its place. If the run rejects, the next one is planned before the error goes on.
   */
  run(wakeUp: WakeUp, drain: () => Promise<void>): Promise<'ran' | 'stale'>;
}

export function feedbackWakeUps(dependencies: {
  store: WakeUpStore;
  queue: WakeUpQueue;
  hasOpenMessages: () => Promise<boolean>;
  now: () => number;
  newToken: () => string;
}): FeedbackWakeUps {
  const { store, queue, hasOpenMessages, now, newToken } = dependencies;
  /** Until then a wake-up is known to come that covers whoever asks now. */
  let coveredUntil = 0;
  let requesting: Promise<void> | undefined;

  async function arm(
    schedule: Omit<WakeUpSchedule, 'token' | 'dueAt'>,
    delayMs: number,
    version: string | undefined,
  ): Promise<void> {
    const token = newToken();
    const dueAt = now() + delayMs;
    if ((await store.write({ ...schedule, token, dueAt }, version)) === undefined) return;
    await queue.enqueue({ token, dueAt }, delayMs);
    coveredUntil = delayMs <= FIRST_MS ? dueAt : 0;
  }

  function isOutstanding({ token, dueAt }: WakeUpSchedule): boolean {
    return token !== '' && dueAt > now() - LOST_MS;
  }

  async function requestNow(): Promise<void> {
    const stored = await store.read();
    const schedule = stored?.state ?? NOTHING;
    if (isOutstanding(schedule) && schedule.dueAt <= now() + FIRST_MS) {
      coveredUntil = Math.max(schedule.dueAt, now() + OVERDUE_QUIET_MS);
      return;
    }
    await arm({ ...schedule, step: 0, requestedAt: now() }, FIRST_MS, stored?.version);
  }

  async function planNext(claimed: WakeUpSchedule, version: string | undefined): Promise<void> {
    if (version === undefined || !(await hasOpenMessages())) return;
    const busy = now() - claimed.requestedAt < BUSY_MS;
    const delayMs = busy ? (DELAYS_MS[claimed.step] ?? 15_000) : QUIET_DELAY_MS;
    await arm({ ...claimed, step: claimed.step + 1 }, delayMs, version);
  }

  return {
    async request() {
      if (now() < coveredUntil) return;
      requesting ??= requestNow().finally(() => {
        requesting = undefined;
      });
      await requesting;
    },

    async restore() {
      const stored = await store.read();
      const schedule = stored?.state ?? NOTHING;
      if (!isOutstanding(schedule)) await arm(schedule, QUIET_DELAY_MS, stored?.version);
    },

    async run({ token, dueAt }, drain) {
      const stored = await store.read();
      const schedule = stored?.state ?? NOTHING;
      if (schedule.token !== token && schedule.claimedToken !== token) {
        if (now() < dueAt + LOST_MS) return 'stale';
        // Taken for lost and only late. Where all are late, each is replaced before it comes: it runs all the same.
        await drain();
        return 'ran';
      }
      const claimed = { ...schedule, token: '', dueAt: 0, claimedToken: token };
      const version = await store.write(claimed, stored?.version);
      coveredUntil = 0;
      try {
        await drain();
      } finally {
        await planNext(claimed, version);
      }
      return 'ran';
    },
  };
}
