import { feedbackReport, NOTHING_SEEN, OVERDUE_COUNTS_MS } from './feedback-health.ts';
import type { FeedbackReport, FeedbackWatchState, OverdueMessage } from './feedback-health.ts';
import { isFinal } from './lifecycle.ts';
import type { MessageKey, MessageStore } from './message-store.ts';

export interface FeedbackWatchStore {
  read(): Promise<{ state: FeedbackWatchState; version: string } | undefined>;
  /** Writes if nobody else has since `version` was read; undefined if somebody has. */
  write(state: FeedbackWatchState, version: string | undefined): Promise<string | undefined>;
}

/** What one look at the feedback brought. */
interface FeedbackLook {
  /** Whether it could not be read; undefined if nobody tried. */
  readonly failed: boolean | undefined;
  /** Batches read. */
  readonly batches: number;
  /** Messages whose outcome should have come by now. */
  readonly overdue: readonly MessageKey[];
}

export interface FeedbackWatch {
  /** Says what changed, if the state did. Rejects with `storage-unavailable`. */
  note(look: FeedbackLook): Promise<FeedbackReport | undefined>;
  report(): Promise<FeedbackReport>;
}

/** Written no oftener than that while feedback comes: a write a minute is what the watch costs. */
const NOTE_EVERY_MS = 60_000;
const MAX_OVERDUE = 20;
const TRIES = 5;

/** Notices when feedback stops coming though messages are out. A device that is offline is no reason: its messages expire, and the hub reports that. */
export function feedbackWatch(dependencies: {
  store: FeedbackWatchStore;
  messages: Pick<MessageStore, 'find'>;
  /** Whether the hub knows the device: of one that was deleted no feedback comes. */
  isRegistered: (deviceId: string) => Promise<boolean>;
  now: () => number;
}): FeedbackWatch {
  const { store, messages, isRegistered, now } = dependencies;
  let known: { state: FeedbackWatchState; version: string | undefined } | undefined;

  async function read(): Promise<FeedbackWatchState> {
    const stored = await store.read();
    known = { state: stored?.state ?? NOTHING_SEEN, version: stored?.version };
    return known.state;
  }

  async function ofRegistered(found: readonly MessageKey[]): Promise<MessageKey[]> {
    const devices = [...new Set(found.map(({ deviceId }) => deviceId))].slice(0, MAX_OVERDUE);
    const answers = await Promise.all(
      devices.map(async (deviceId) => [deviceId, await isRegistered(deviceId)] as const),
    );
    const registered = new Map(answers);
    return found.filter(({ deviceId }) => registered.get(deviceId) ?? false);
  }

  /** What came late is not overdue any more. */
  async function stillOverdue(overdue: readonly OverdueMessage[]): Promise<OverdueMessage[]> {
    const recent = overdue.filter(({ at }) => now() - at < OVERDUE_COUNTS_MS);
    const found = await Promise.all(recent.map(async (key) => messages.find(key)));
    return recent.filter((_, index) => {
      const message = found[index]?.message;
      return message !== undefined && (message.status === 'unknown' || !isFinal(message));
    });
  }

  function failingSinceOf(
    { failingSince }: FeedbackWatchState,
    failed: boolean | undefined,
  ): number {
    if (failed === undefined) return failingSince;
    return failed ? failingSince || now() : 0;
  }

  /** Undefined if there is nothing to write down. */
  function next(
    state: FeedbackWatchState,
    look: FeedbackLook,
    overdue: readonly OverdueMessage[],
  ): FeedbackWatchState | undefined {
    const isNews = now() - state.lastFeedbackAt >= NOTE_EVERY_MS || overdue.length > 0;
    const lastFeedbackAt = look.batches > 0 && isNews ? now() : state.lastFeedbackAt;
    const failingSince = failingSinceOf(state, look.failed);
    const seen = { ...state, lastFeedbackAt, failingSince, overdue };
    const told = feedbackReport(seen, now()).state;
    const isSame =
      lastFeedbackAt === state.lastFeedbackAt &&
      failingSince === state.failingSince &&
      overdue.length === state.overdue.length &&
      look.overdue.length === 0 &&
      told === state.told;
    return isSame ? undefined : { ...seen, told };
  }

  return {
    async note(look) {
      let state = known?.state ?? (await read());
      const found = await ofRegistered(look.overdue);
      for (let tries = 0; tries < TRIES; tries += 1) {
        const overdue = [
          ...(await stillOverdue(state.overdue)),
          ...found.map(({ deviceId, messageId }) => ({ deviceId, messageId, at: now() })),
        ].slice(-MAX_OVERDUE);
        const changed = next(state, look, overdue);
        if (!changed) return undefined;
        const version = await store.write(changed, known?.version);
        if (version !== undefined) {
          known = { state: changed, version };
          return changed.told === state.told ? undefined : feedbackReport(changed, now());
        }
        state = await read();
      }
      return undefined;
    },

    async report() {
      return feedbackReport((await store.read())?.state ?? NOTHING_SEEN, now());
    },
  };
}
