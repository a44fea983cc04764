import type { Ack, MessageStatus } from '../../functions/messages/message.ts';
import type { Command } from './command.ts';
import type { Copy, CopyOutcome } from './hub-truth.ts';
import { CLOCKS_DIFFER_MS, HAND_OVER_SECONDS } from './system-under-test.ts';

/** What Downlink says of a command in the end. */
export interface FinalRecord {
  readonly status: MessageStatus;
  readonly final: boolean;
  readonly attempt: number;
  /** Details of the history, which say why. */
  readonly details: readonly string[];
}

/** What the caller did and was told. */
export interface Told {
  /** How many of the caller's requests the contract lets be tries of their own: see `triesAllowed`. */
  readonly tries: number;
  /** Answers that said: it is recorded. */
  readonly accepted: number;
  /** An answer said that the hub has it. */
  readonly enqueued: boolean;
}

export type Verdict =
  | { readonly kind: 'right'; readonly copies: 'one or none' | 'repeated in a documented window' }
  | { readonly kind: Fault; readonly why: string };
export type Fault = 'lost' | 'wrong state' | 'never final' | 'sent twice';

/** The lease of queued dispatch lasts two hand-overs, of which the first copy may have used one. */
const QUEUED_LEASE_MS = HAND_OVER_SECONDS * 1_000 - CLOCKS_DIFFER_MS;

const STATUS: Readonly<Record<CopyOutcome, MessageStatus>> = {
  completed: 'delivered',
  rejected: 'rejected',
  expired: 'expired',
  deliveryCountExceeded: 'deliveryCountExceeded',
  purged: 'purged',
};

/**
 * A repeat may only be sent after the lease of the try before it has run out (or after a refusal, which left no copy).
 * When in its request Downlink began a try is not seen from outside: at its end at the latest.
 */
export function triesAllowed(
  requests: readonly { readonly startedAt: number; readonly endedAt: number }[],
  leaseMs: number,
): number {
  let tries = 0;
  let leasedFrom = Number.NEGATIVE_INFINITY;
  for (const { startedAt, endedAt } of requests.toSorted((a, b) => a.endedAt - b.endedAt)) {
    if (endedAt - leasedFrom < leaseMs) continue;
    tries++;
    leasedFrom = startedAt;
  }
  return tries;
}

/** Compares what Downlink recorded with what the hub saw; everything that a crash could have broken is a fault. */
export function verdictOn(
  command: Pick<Command, 'ack' | 'kind'>,
  told: Told,
  record: FinalRecord | undefined,
  copies: readonly Copy[],
): Verdict {
  if (!record) return withoutRecord(told, copies);
  if (told.enqueued && copies.length === 0) {
    return { kind: 'lost', why: 'its caller was told that the hub has it, and the hub never had' };
  }
  if (!record.final) return { kind: 'never final', why: `it is ${record.status} in the end` };
  const wrong = wrongState(command.ack, record, copies);
  if (wrong !== undefined) return { kind: 'wrong state', why: wrong };
  if (copies.length <= 1) return { kind: 'right', copies: 'one or none' };
  const why = `the hub took ${copies.length} copies; ${record.attempt} attempts, ${told.tries} tries of the caller's`;
  // Queued dispatch owns its repeats: in doubt it sends again and says so, or, after a crash, once its lease has ended.
  const isAllowed =
    command.kind === 'queued'
      ? record.details.includes('hub-outcome-unknown') || leastGapMs(copies) >= QUEUED_LEASE_MS
      : copies.length <= Math.min(record.attempt, told.tries);
  return isAllowed
    ? { kind: 'right', copies: 'repeated in a documented window' }
    : { kind: 'sent twice', why };
}

function withoutRecord(told: Told, copies: readonly Copy[]): Verdict {
  if (told.accepted > 0) return { kind: 'lost', why: 'its caller was told that it is recorded' };
  if (copies.length > 0) return { kind: 'lost', why: 'the hub took it and there is no record' };
  return { kind: 'right', copies: 'one or none' };
}

function wrongState(ack: Ack, record: FinalRecord, copies: readonly Copy[]): string | undefined {
  const { status } = record;
  const reported = copies.flatMap(({ outcome }) =>
    outcome !== undefined && isReported(ack, outcome) ? [STATUS[outcome]] : [],
  );
  const truth = `the hub took ${copies.length}: ${copies.map(({ outcome = 'open' }) => outcome).join(', ')}`;
  if (reported.length > 0) {
    const right = reported.includes('delivered') ? ['delivered'] : reported;
    return right.includes(status) ? undefined : `${status}, but ${truth}`;
  }
  const isRight =
    (status === 'enqueued' && ack === 'none' && copies.length > 0) ||
    // An earlier attempt in doubt may have reached the hub; without an acknowledgement nobody learns.
    (status === 'failed' && copies.length < record.attempt) ||
    (status === 'unknown' && copies.every(({ outcome }) => outcome !== undefined)) ||
    (status === 'expired' &&
      copies.length === 0 &&
      record.details.some((detail) => detail.includes('before the hand-over')));
  return isRight ? undefined : `${status}, but ${truth}`;
}

function leastGapMs(copies: readonly Copy[]): number {
  const gaps = copies
    .slice(1)
    .map(({ takenAtMs }, index) => takenAtMs - (copies[index]?.takenAtMs ?? 0));
  return Math.min(...gaps);
}

function isReported(ack: Ack, outcome: CopyOutcome): boolean {
  if (ack === 'full') return true;
  return ack === (outcome === 'completed' ? 'positive' : 'negative');
}
