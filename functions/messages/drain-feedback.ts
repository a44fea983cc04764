import type { FeedbackSource } from './feedback.ts';
import type { MessageStore } from './message-store.ts';
import { recordFeedback } from './record-feedback.ts';

/** Batches stored together: the more, the fewer transactions a record costs. */
const MAX_BATCHES = 32;

export interface DrainTally {
  readonly batches: number;
  readonly recorded: number;
  readonly duplicates: number;
  readonly notOurs: number;
  readonly tooOld: number;
  /** Records that could not be understood, counted by reason. */
  readonly unreadable: Readonly<Record<string, number>>;
}

/**
 * Reads feedback until none comes or the time is up. A batch is settled only after its outcomes are stored: a crash
 * in between makes the hub deliver it again, and recording it twice changes nothing.
 *
 * Rejects with `hub-unavailable`, or with `storage-unavailable` (what was not stored stays locked and comes back).
 */
export async function drainFeedback(
  dependencies: {
    source: FeedbackSource;
    store: Pick<MessageStore, 'changeMany'>;
    now: () => number;
    /** Told of the devices whose messages came to an end. */
    onOutcomes: (deviceIds: ReadonlySet<string>) => Promise<void>;
  },
  limits: {
    forMs: number;
    /** How long to wait for one more batch. */
    listenMs: number;
    /** Until when to wait at the least; may grow meanwhile. */
    listenUntil: () => number;
  },
): Promise<DrainTally> {
  const { source, now, onOutcomes } = dependencies;
  const deadline = now() + limits.forMs;
  const total = { batches: 0, recorded: 0, duplicates: 0, notOurs: 0, tooOld: 0 };
  const unreadable: Record<string, number> = {};
  const session = await source.open();
  try {
    while (now() < deadline) {
      const listenUntil = limits.listenUntil();
      const waitMs = Math.max(limits.listenMs, listenUntil - now());
      const batches = await session.receive({ waitMs, maxBatches: MAX_BATCHES });
      if (batches.length === 0) {
        if (limits.listenUntil() > listenUntil) continue;
        break;
      }
      const records = batches.flatMap((batch) => batch.records);
      const tally = await recordFeedback(dependencies, records);
      await onOutcomes(new Set(records.map(({ deviceId }) => deviceId)));
      await Promise.all(batches.map(async (batch) => batch.complete()));
      total.batches += batches.length;
      total.recorded += tally.recorded;
      total.duplicates += tally.duplicates;
      total.notOurs += tally.notOurs;
      total.tooOld += tally.tooOld;
      for (const reason of batches.flatMap((batch) => batch.unreadable)) {
        unreadable[reason] = (unreadable[reason] ?? 0) + 1;
      }
    }
  } finally {
    await session.close();
  }
  return { ...total, unreadable };
}
