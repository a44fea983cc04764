import type { FeedbackOutcome, FeedbackRecord } from './feedback.ts';
import type { Fact } from './lifecycle.ts';
import type { MessageStatus } from './message.ts';
import type { MessageStore } from './message-store.ts';
import { recordFacts } from './record-facts.ts';
import type { FactTally } from './record-facts.ts';

const STATUS: Readonly<Record<FeedbackOutcome, MessageStatus>> = {
  Success: 'delivered',
  Expired: 'expired',
  DeliveryCountExceeded: 'deliveryCountExceeded',
  Rejected: 'rejected',
  Purged: 'purged',
};

/** Writes what the hub reports of messages. Rejects with `storage-unavailable`. */
export async function recordFeedback(
  dependencies: { store: Pick<MessageStore, 'changeMany'>; now: () => number },
  records: readonly FeedbackRecord[],
): Promise<FactTally> {
  return recordFacts(
    dependencies,
    records.map((record) => ({
      deviceId: record.deviceId,
      messageId: record.messageId,
      fact: factOf(record),
    })),
  );
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
