import { withFact } from '../lifecycle.ts';
import type { Message } from '../message.ts';

/** A message that waited until it expired. */
export function withExpiry(message: Message, inDoubt: boolean, now: number): Message | undefined {
  if (!message.backlog) return undefined;
  if (inDoubt) {
    const detail =
      'It expired while it waited for another try; an earlier hand-over may have reached the hub.';
    return withDoubt(message, detail, now);
  }
  const detail = 'It expired before the hand-over: the hub never had it.';
  return withFact(message, { status: 'expired', at: message.expiresAt, detail }, now);
}

/** A message that was taken out of the backlog on request. */
export function withPurge(message: Message, inDoubt: boolean, now: number): Message | undefined {
  if (!message.backlog) return undefined;
  if (inDoubt) {
    const detail =
      'It was purged while it waited for another try; an earlier hand-over may have reached the hub.';
    return withDoubt(message, detail, now);
  }
  const detail = 'It was purged before the hand-over: the hub never had it.';
  return withFact(message, { status: 'purged', at: atOf(message, now), detail }, now);
}

/** A message that the hub refused for good, or of which nothing is left to hand over. */
export function withFailure(
  message: Message,
  failure: { code: string; detail: string },
  inDoubt: boolean,
  now: number,
): Message | undefined {
  if (!inDoubt) {
    const at = atOf(message, now);
    return withFact(message, { status: 'failed', at, detail: failure.code, failure }, now);
  }
  const detail = `The last hand-over was refused (${failure.code}); an earlier one may have reached the hub.`;
  return withDoubt(message, detail, now);
}

/** Nobody recorded what the hub did, so a repeat of the message is a new try. */
function withDoubt(message: Message, detail: string, now: number): Message | undefined {
  const at = atOf(message, now);
  const next = withFact(message, { status: 'unknown', at, detail }, now);
  if (next?.status !== 'unknown') return next;
  return { ...next, handOver: { until: at, owner: '' } };
}

/** Clocks differ between the one who accepts and the one who decides. */
function atOf({ backlog }: Message, now: number): number {
  return Math.max(now, backlog?.acceptedAt ?? 0);
}
