import type { BacklogPlace, HandOver, HistoryEntry, Message, MessageStatus } from './message.ts';

/** Facts arrive late, twice and in any order: a lower rank never replaces a higher one. */
const RANK: Readonly<Record<MessageStatus, number>> = {
  accepted: 0,
  deferred: 1,
  enqueued: 2,
  failed: 3,
  unknown: 4,
  expired: 5,
  purged: 5,
  rejected: 5,
  deliveryCountExceeded: 5,
  delivered: 6,
  handled: 7,
  handlingFailed: 7,
};

/** Keeps a row within its storage limits however often a failed message is tried again. */
const MAX_HISTORY_ENTRIES = 100;

/** Who hands the message over: the caller's own call, or queued dispatch. */
export type HandOverPlace = { readonly handOver: HandOver } | { readonly backlog: BacklogPlace };

export interface Fact extends HistoryEntry {
  readonly failure?: Message['failure'];
  readonly receipt?: Message['receipt'];
  readonly deviceGenerationId?: string;
}

type Finality = Pick<Message, 'status' | 'ack' | 'awaitReceiptMs' | 'receiptOverdue'>;

/** Whether nothing more is expected to happen to the message. */
export function isFinal(message: Finality): boolean {
  if (isReceiptAwaited(message)) return false;
  if (message.status === 'enqueued') return message.ack === 'none';
  return message.status !== 'accepted' && message.status !== 'deferred';
}

/** Whether the hub has nothing more to say of the message, and the device has. */
export function isReceiptAwaited(message: Finality): boolean {
  const { status, ack, awaitReceiptMs, receiptOverdue } = message;
  if (awaitReceiptMs === undefined || receiptOverdue === true) return false;
  return status === 'delivered' || (status === 'enqueued' && ack === 'none');
}

/**
 * The message after a fact has become known, or undefined if it was known already.
 * A fact of lower or equal rank only adds its history entry.
 */
export function withFact(message: Message, fact: Fact, now: number): Message | undefined {
  const { failure, receipt, deviceGenerationId, ...entry } = fact;
  if (message.history.some((known) => isSameEntry(known, entry))) return undefined;
  const { handOver, backlog, failure: earlierFailure, ...rest } = message;
  const raised = RANK[entry.status] > RANK[message.status];
  const failureNow = raised ? failure : earlierFailure;
  // Doubt does not record what the hub did: a repeat may still be a new try.
  const handOverNow = entry.status === 'unknown' ? handOver : undefined;
  const status = raised ? entry.status : message.status;
  return {
    ...rest,
    status,
    history: ordered([...message.history, entry]),
    updatedAt: now,
    ...(failureNow && { failure: failureNow }),
    ...(raised && receipt && { receipt }),
    ...(handOverNow && { handOver: handOverNow }),
    ...(backlog && waits(status) && { backlog }),
    ...(deviceGenerationId !== undefined && { deviceGenerationId }),
  };
}

/**
 * The message after the hub refused one attempt. If another attempt has been recorded since,
 * the refusal is history only: the hub may hold the other's copy.
 */
export function withRefusal(
  message: Message,
  owner: string,
  refusal: { at: number; failure: { code: string; detail: string } },
  now: number,
): Message | undefined {
  const entry: HistoryEntry = {
    status: 'failed',
    at: refusal.at,
    detail: refusal.failure.code,
  };
  if (message.handOver?.owner === owner) {
    return withFact(message, { ...entry, failure: refusal.failure }, now);
  }
  return { ...message, history: ordered([...message.history, entry]), updatedAt: now };
}

/** The message after its hand-over had to be put off; undefined if it does not wait any more, or nothing is new. */
export function withDeferral(
  message: Message,
  deferral: { at: number; code: string; inDoubt: boolean },
  now: number,
): Message | undefined {
  if (!message.backlog) return undefined;
  const { code } = deferral;
  const inDoubt = deferral.inDoubt || message.backlog.inDoubt === true;
  const last = message.history.findLast(({ status }) => status === 'deferred');
  const isKnown = message.status === 'deferred' && last?.detail === code;
  if (isKnown && inDoubt === (message.backlog.inDoubt === true)) return undefined;
  // Clocks differ between the one who accepts and the one who hands over.
  const at = Math.max(deferral.at, message.backlog.acceptedAt);
  const entry: HistoryEntry = { status: 'deferred', at, detail: code };
  return {
    ...message,
    status: 'deferred',
    backlog: { acceptedAt: message.backlog.acceptedAt, ...(inDoubt && { inDoubt }) },
    history: isKnown ? message.history : ordered([...message.history, entry]),
    updatedAt: now,
  };
}

/** Whether a repeat of the message is a new try: the hub took nothing, or nobody recorded what it did. */
export function mayTryAgain(message: Message, now: number): boolean {
  if (message.status === 'failed') return true;
  return message.handOver !== undefined && message.handOver.until <= now;
}

/** The message at the start of another attempt to hand it over. */
export function withNewAttempt(
  message: Message,
  attempt: { place: HandOverPlace; expiresAt: number },
  now: number,
): Message {
  const { failure: _failed, handOver: _ended, ...rest } = message;
  return {
    ...rest,
    ...attempt.place,
    status: 'accepted',
    attempt: message.attempt + 1,
    expiresAt: attempt.expiresAt,
    history: ordered([...message.history, { status: 'accepted', at: now }]),
    updatedAt: now,
  };
}

function waits(status: MessageStatus): boolean {
  return status === 'accepted' || status === 'deferred';
}

function isSameEntry(a: HistoryEntry, b: HistoryEntry): boolean {
  return a.status === b.status && a.at === b.at && a.detail === b.detail;
}

function ordered(history: readonly HistoryEntry[]): HistoryEntry[] {
  return history
    .toSorted((a, b) => a.at - b.at || RANK[a.status] - RANK[b.status])
    .slice(-MAX_HISTORY_ENTRIES);
}
