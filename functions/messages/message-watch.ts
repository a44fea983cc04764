import { DownlinkError } from '../errors.ts';
import type { BacklogCare } from './dispatch/backlog-care.ts';
import { drainFeedback } from './drain-feedback.ts';
import type { DrainTally } from './drain-feedback.ts';
import type { FeedbackSource } from './feedback.ts';
import type { FeedbackReport } from './feedback-health.ts';
import type { FeedbackWatch } from './feedback-watch.ts';
import type { MessageStore } from './message-store.ts';
import { sweepMessages } from './sweep-messages.ts';
import type { Swept } from './sweep-messages.ts';

/** One run ends well before the lock of its first batch does. */
const DRAIN_MS = 30_000;
/**
 * How long a wake-up listens. Wake-ups come a second apart while somebody sends or waits, and the host may be a second
 * late to notice one: listening as long as both, outcomes find somebody who takes them at once.
 */
const LISTEN_MS = 2_000;
/** The sweep asks every partition; once in this time is enough for what is due in minutes. */
const SWEEP_EVERY_MS = 10_000;
/** The same for backlogs whose wake-up has got lost. */
const RESCUE_EVERY_MS = 60_000;

export interface WatchReport {
  readonly drained: DrainTally | undefined;
  /** Set when the hub could not be asked; what is there is read at the next wake-up. */
  readonly hubError: DownlinkError | undefined;
  readonly swept: Swept | undefined;
  /** How it is about the feedback, if that has changed. */
  readonly feedback: FeedbackReport | undefined;
  /** Backlogs whose wake-up had got lost. */
  readonly rescued: number;
}

/** `sweepNow`: also if the last sweep is only seconds ago. */
export type MessageWatch = (options?: { sweepNow?: boolean }) => Promise<WatchReport>;

/**
 * Finds out what became of open messages: reads the feedback and settles what can have no answer any more.
 * A hub that is away is no failure. Rejects with `storage-unavailable`.
 */
export function messageWatch(dependencies: {
  source: FeedbackSource;
  store: Pick<MessageStore, 'changeMany' | 'findDue'>;
  backlogs: BacklogCare;
  health: Pick<FeedbackWatch, 'note'>;
  now: () => number;
  feedbackTtlMs: number;
}): MessageWatch {
  const { backlogs, health, now } = dependencies;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let rescuedAt = Number.NEGATIVE_INFINITY;
  let listenUntil: number | undefined;

  const onOutcomes = async (deviceIds: ReadonlySet<string>) => backlogs.roomMade(deviceIds);

  /** One session per process: a wake-up that finds one under way makes it listen longer. */
  async function drain(): Promise<Pick<WatchReport, 'drained' | 'hubError'>> {
    const isListening = listenUntil !== undefined;
    listenUntil = now() + LISTEN_MS;
    if (isListening) return { drained: undefined, hubError: undefined };
    try {
      const limits = {
        forMs: DRAIN_MS,
        listenMs: LISTEN_MS,
        listenUntil: () => listenUntil ?? 0,
      };
      const drained = await drainFeedback({ ...dependencies, onOutcomes }, limits);
      return { drained, hubError: undefined };
    } catch (error) {
      const ofHub = error instanceof DownlinkError && error.code !== 'storage-unavailable';
      if (!ofHub) throw error;
      return { drained: undefined, hubError: error };
    } finally {
      listenUntil = undefined;
    }
  }

  return async ({ sweepNow = false } = {}) => {
    const { drained, hubError } = await drain();
    const startedAt = now();
    const isDue = (lastAt: number, everyMs: number) => sweepNow || startedAt - lastAt >= everyMs;
    let swept: Swept | undefined;
    if (isDue(sweptAt, SWEEP_EVERY_MS)) {
      sweptAt = startedAt;
      swept = await sweepMessages(dependencies);
    }
    let feedback: FeedbackReport | undefined;
    if (drained || hubError || swept) {
      feedback = await health.note({
        failed: drained ? false : hubError && true,
        batches: drained?.batches ?? 0,
        overdue: swept?.overdue ?? [],
      });
    }
    let rescued = 0;
    if (isDue(rescuedAt, RESCUE_EVERY_MS)) {
      rescuedAt = startedAt;
      rescued = await backlogs.rescue();
    }
    return { drained, hubError, swept, feedback, rescued };
  };
}
