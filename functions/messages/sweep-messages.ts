import { isReceiptAwaited, withFact } from './lifecycle.ts';
import type { Ack, Message } from './message.ts';
import type { BacklogCare } from './dispatch/backlog-care.ts';
import type { MessageKey, MessageStore } from './message-store.ts';
import { dueAt, isOutcomeDue } from './open-messages.ts';

/** Messages looked at in one go. */
const AT_ONCE = 200;

export interface Swept {
  readonly unknown: number;
  readonly expired: number;
  /** Messages whose device had its time to send a receipt, and sent none. */
  readonly withoutReceipt: number;
  /** Messages whose outcome the hub should have told by now; they stay open as long as it keeps feedback. */
  readonly overdue: readonly MessageKey[];
}

/**
 * Settles what nobody answered: hand-overs whose sender died, messages whose acknowledgement can no longer come, those
 * that expired while they waited for queued dispatch, and those whose device sent no receipt. Feedback that arrives later still wins.
 */
export async function sweepMessages(dependencies: {
  store: Pick<MessageStore, 'findDue' | 'changeMany'>;
  backlogs: Pick<BacklogCare, 'expire'>;
  now: () => number;
  feedbackTtlMs: number;
}): Promise<Swept> {
  const { store, backlogs, now, feedbackTtlMs } = dependencies;
  let unknown = 0;
  let expired = 0;
  let withoutReceipt = 0;
  const allOverdue: MessageKey[] = [];
  for (;;) {
    const at = now();
    const due = await store.findDue(at, AT_ONCE);
    const waiting = new Set<MessageKey>();
    const overdue = new Set<MessageKey>();
    const unreceipted = new Set<MessageKey>();
    const outcomes = await store.changeMany(
      due.map((key) => ({
        ...key,
        // Runs again if the message changed meanwhile.
        change: (message: Message) => {
          waiting.delete(key);
          overdue.delete(key);
          unreceipted.delete(key);
          const lookAt = dueAt(message, feedbackTtlMs);
          if (lookAt === undefined || lookAt > at) return undefined;
          if (message.backlog) {
            waiting.add(key);
            return undefined;
          }
          if (isOutcomeDue(message)) {
            overdue.add(key);
            return { ...message, outcomeOverdue: true };
          }
          if (isReceiptAwaited(message)) {
            unreceipted.add(key);
            return { ...message, receiptOverdue: true, updatedAt: at };
          }
          return withFact(message, { status: 'unknown', at, detail: reasonOf(message) }, at);
        },
      })),
    );
    const changed = outcomes.filter((outcome) => outcome === 'changed').length;
    const gone = await backlogs.expire([...waiting]);
    unknown += changed - overdue.size - unreceipted.size;
    withoutReceipt += unreceipted.size;
    expired += gone;
    allOverdue.push(...overdue);
    if (due.length < AT_ONCE || changed + gone === 0) {
      return { unknown, expired, withoutReceipt, overdue: allOverdue };
    }
  }
}

const SILENCE: Readonly<Record<Ack, string>> = {
  none: 'No acknowledgement was asked for.',
  positive:
    'No acknowledgement came. Only delivery was to be reported: the message was probably not delivered.',
  negative:
    'No acknowledgement came. Only failure was to be reported: the message was probably delivered.',
  full: 'No acknowledgement came while the hub keeps feedback.',
};

function reasonOf(message: Message): string {
  if (message.handOver) {
    return 'The hand-over to the hub was begun and its outcome never recorded; the device may have the message.';
  }
  return SILENCE[message.ack];
}
