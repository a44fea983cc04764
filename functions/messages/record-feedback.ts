import type { FeedbackOutcome, FeedbackRecord } from './feedback.ts';
import { withFact } from './lifecycle.ts';
import type { Fact } from './lifecycle.ts';
import type { Message, MessageStatus } from './message.ts';
import type { MessageStore } from './message-store.ts';

/** Feedback older than its message by more than clocks may differ belongs to an earlier message of the same id. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

const STATUS: Readonly<Record<FeedbackOutcome, MessageStatus>> = {
  Success: 'delivered',
  Expired: 'expired',
  DeliveryCountExceeded: 'deliveryCountExceeded',
  Rejected: 'rejected',
  Purged: 'purged',
};

export interface FeedbackTally {
  readonly recorded: number;
  /** Known already: the hub delivers feedback at least once. */
  readonly duplicates: number;
  /** Of messages that Downlink never sent, or keeps no longer. */
  readonly notOurs: number;
  readonly tooOld: number;
}

/** Writes what became of messages, each once however often it is reported. */
export async function recordFeedback(
  dependencies: { store: Pick<MessageStore, 'changeMany'>; now: () => number },
  records: readonly FeedbackRecord[],
): Promise<FeedbackTally> {
  const tooOld = new Set<FeedbackRecord>();
  const outcomes = await dependencies.store.changeMany(
    records.map((record) => ({
      deviceId: record.deviceId,
      messageId: record.messageId,
      change: (message: Message) => {
        if (record.at < message.createdAt - CLOCK_TOLERANCE_MS) {
          tooOld.add(record);
          return undefined;
        }
        return withFact(message, factOf(record), dependencies.now());
      },
    })),
  );
  const unchanged = outcomes.filter((outcome) => outcome === 'unchanged').length;
  return {
    recorded: outcomes.filter((outcome) => outcome === 'changed').length,
    duplicates: unchanged - tooOld.size,
    notOurs: outcomes.filter((outcome) => outcome === 'not-found').length,
    tooOld: tooOld.size,
  };
}

function factOf(record: FeedbackRecord): Fact {
  return {
    status: STATUS[record.outcome],
    at: record.at,
    ...(record.description !== undefined && { detail: record.description }),
    ...(record.deviceGenerationId !== undefined && {
      deviceGenerationId: record.deviceGenerationId,
    }),
  };
}
