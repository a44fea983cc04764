import { withFact } from './lifecycle.ts';
import type { Ack, Message } from './message.ts';
import type { MessageStore } from './message-store.ts';
import { dueAt } from './open-messages.ts';

/** Messages looked at in one go. */
const AT_ONCE = 200;

/**
 * Settles what nobody answered: hand-overs whose sender died, and messages whose acknowledgement can no longer come.
 * Says how many became `unknown`. Feedback that arrives later still wins.
 */
export async function sweepMessages(dependencies: {
  store: Pick<MessageStore, 'findDue' | 'changeMany'>;
  now: () => number;
  feedbackTtlMs: number;
}): Promise<{ unknown: number }> {
  const { store, now, feedbackTtlMs } = dependencies;
  let unknown = 0;
  for (;;) {
    const at = now();
    const due = await store.findDue(at, AT_ONCE);
    const outcomes = await store.changeMany(
      due.map((key) => ({
        ...key,
        change: (message: Message) => {
          const lookAt = dueAt(message, feedbackTtlMs);
          if (lookAt === undefined || lookAt > at) return undefined;
          return withFact(message, { status: 'unknown', at, detail: reasonOf(message) }, at);
        },
      })),
    );
    const changed = outcomes.filter((outcome) => outcome === 'changed').length;
    unknown += changed;
    if (due.length < AT_ONCE || changed === 0) return { unknown };
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
