import { withFact } from './lifecycle.ts';
import type { Ack, Message } from './message.ts';
import type { BacklogCare } from './dispatch/backlog-care.ts';
import type { MessageKey, MessageStore } from './message-store.ts';
import { dueAt } from './open-messages.ts';

/** Messages looked at in one go. */
const AT_ONCE = 200;

/**
 * Settles what nobody answered: hand-overs whose sender died, messages whose acknowledgement can no longer come, and
 * those that expired while they waited for queued dispatch. Feedback that arrives later still wins.
 */
export async function sweepMessages(dependencies: {
  store: Pick<MessageStore, 'findDue' | 'changeMany'>;
  backlogs: Pick<BacklogCare, 'expire'>;
  now: () => number;
  feedbackTtlMs: number;
}): Promise<{ unknown: number; expired: number }> {
  const { store, backlogs, now, feedbackTtlMs } = dependencies;
  let unknown = 0;
  let expired = 0;
  for (;;) {
    const at = now();
    const due = await store.findDue(at, AT_ONCE);
    const waiting: MessageKey[] = [];
    const outcomes = await store.changeMany(
      due.map((key) => ({
        ...key,
        change: (message: Message) => {
          const lookAt = dueAt(message, feedbackTtlMs);
          if (lookAt === undefined || lookAt > at) return undefined;
          if (message.backlog) {
            waiting.push(message);
            return undefined;
          }
          return withFact(message, { status: 'unknown', at, detail: reasonOf(message) }, at);
        },
      })),
    );
    const changed = outcomes.filter((outcome) => outcome === 'changed').length;
    const gone = await backlogs.expire(waiting);
    unknown += changed;
    expired += gone;
    if (due.length < AT_ONCE || changed + gone === 0) return { unknown, expired };
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
