import { isFinal, isReceiptAwaited } from './lifecycle.ts';
import type { Message } from './message.ts';

/** Clocks differ a little; the one who hands over has half the lease to record what came of it. */
const AFTER_HAND_OVER_MS = 1_000;
/** Feedback that the hub kept to the last moment still has to be read. */
const AFTER_FEEDBACK_MS = 10 * 60_000;

/**
 * By then the hub must have said what became of a message, and a drain must have read it: it makes a batch every 15 s,
 * and the slowest drain comes every five minutes.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d
 */
const OUTCOME_AFTER_EXPIRY_MS = 6 * 60_000;

/**
 * When the sweep must look at a message, in milliseconds since the epoch; undefined once it is final.
 * An acknowledgement may come until the message's expiry plus the time that the hub keeps feedback.
 */
export function dueAt(message: Message, feedbackTtlMs: number): number | undefined {
  if (isFinal(message)) return undefined;
  if (message.backlog) return message.expiresAt;
  if (message.handOver) return message.handOver.until + AFTER_HAND_OVER_MS;
  if (isReceiptAwaited(message)) return receiptDueAt(message);
  if (!isOutcomeDue(message)) return message.expiresAt + feedbackTtlMs + AFTER_FEEDBACK_MS;
  return message.expiresAt + OUTCOME_AFTER_EXPIRY_MS;
}

/** Without word from the hub a message may have been delivered up to its expiry. */
function receiptDueAt({ history, expiresAt, awaitReceiptMs = 0 }: Message): number {
  const delivered = history.findLast(({ status }) => status === 'delivered');
  return (delivered?.at ?? expiresAt) + awaitReceiptMs;
}

/** Whether the hub tells in any case, at the latest when the message expires, and it is not known yet that it did not. */
export function isOutcomeDue({ ack, status, outcomeOverdue }: Message): boolean {
  return ack === 'full' && status === 'enqueued' && outcomeOverdue !== true;
}
