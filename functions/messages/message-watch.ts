import { DownlinkError } from '../errors.ts';
import type { BacklogCare } from './dispatch/backlog-care.ts';
import { drainFeedback } from './drain-feedback.ts';
import type { DrainTally } from './drain-feedback.ts';
import type { FeedbackSource } from './feedback.ts';
import type { MessageStore } from './message-store.ts';
import { sweepMessages } from './sweep-messages.ts';

/** One run ends well before the lock of its first batch does. */
const DRAIN_MS = 30_000;
/** The sweep asks every partition; once in this time is enough for what is due in minutes. */
const SWEEP_EVERY_MS = 10_000;

/** The same for backlogs whose wake-up has got lost. */
const RESCUE_EVERY_MS = 60_000;

interface WatchReport {
  readonly drained: DrainTally | undefined;
  /** Set when the hub could not be asked; what is there is read at the next wake-up. */
  readonly hubError: DownlinkError | undefined;
  readonly swept: { readonly unknown: number; readonly expired: number } | undefined;
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
  now: () => number;
  feedbackTtlMs: number;
}): MessageWatch {
  const { backlogs } = dependencies;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let rescuedAt = Number.NEGATIVE_INFINITY;

  const onOutcomes = async (deviceIds: ReadonlySet<string>) => backlogs.roomMade(deviceIds);

  async function drain(): Promise<Pick<WatchReport, 'drained' | 'hubError'>> {
    try {
      return {
        drained: await drainFeedback({ ...dependencies, onOutcomes }, { forMs: DRAIN_MS }),
        hubError: undefined,
      };
    } catch (error) {
      const ofHub = error instanceof DownlinkError && error.code !== 'storage-unavailable';
      if (!ofHub) throw error;
      return { drained: undefined, hubError: error };
    }
  }

  return async ({ sweepNow = false } = {}) => {
    const report = await drain();
    const startedAt = dependencies.now();
    if (!sweepNow && startedAt - sweptAt < SWEEP_EVERY_MS) {
      return { ...report, swept: undefined, rescued: 0 };
    }
    const swept = await sweepMessages(dependencies);
    sweptAt = startedAt;
    if (!sweepNow && startedAt - rescuedAt < RESCUE_EVERY_MS) {
      return { ...report, swept, rescued: 0 };
    }
    const rescued = await backlogs.rescue();
    rescuedAt = startedAt;
    return { ...report, swept, rescued };
  };
}
