import type { Message, MessageSender } from '../message.ts';
import type { MessageStore } from '../message-store.ts';
import type { Warn } from '../send-message.ts';
import type { Backlog } from './backlog.ts';
import { withExpiry } from './decisions.ts';
import type { DispatchQueue, DispatchWakeUp } from './dispatch-queue.ts';
import { deferralNote, handOver } from './hand-over.ts';
import { holdLease } from './held-lease.ts';
import type { NotHeld } from './held-lease.ts';
import type { HubPace } from './hub-pace.ts';
import { pauses } from './pauses.ts';
import type { Pause } from './pauses.ts';

export interface DispatchDependencies {
  readonly backlog: Backlog;
  readonly store: Pick<MessageStore, 'find' | 'changeMany'>;
  readonly sender: MessageSender;
  readonly queue: DispatchQueue;
  readonly pace: HubPace;
  readonly wakeUps: { request(): Promise<void> };
  readonly now: () => number;
  readonly newOwner: () => string;
  /** From 0 to 1. */
  readonly random: () => number;
  /** How long a hand-over and its record may take; the lease lasts twice as long. */
  readonly handOverMs: number;
  readonly warn: Warn;
}

export interface DispatchReport extends Pause {
  readonly handedOver: number;
  readonly failed: number;
  readonly expired: number;
}

/** Then the wake-ups of other devices get their turn. */
const RUN_MS = 20_000;
/** Notes that a transaction can take. */
const MAX_NOTED = 8;

/**
 * Hands a device's waiting messages to the hub, one after the other: the next is sent only when the hub has answered
 * for the one before and that is stored. A hub that refuses for now is no failure: the rest waits. Rejects with
 * `storage-unavailable`; the wake-up is to be repeated then.
 */
export async function dispatchDevice(
  dependencies: DispatchDependencies,
  wakeUp: DispatchWakeUp,
): Promise<DispatchReport | NotHeld> {
  const { store, pace, wakeUps, now, newOwner, handOverMs, warn } = dependencies;
  const leaseMs = 2 * handOverMs;
  const lease = await holdLease({ ...dependencies, leaseMs }, wakeUp, newOwner());
  if (typeof lease === 'string') return lease;
  const { stop, lost, defer } = pauses(dependencies, wakeUp.deviceId, lease);
  const deadline = now() + RUN_MS;
  const count = { handedOver: 0, failed: 0, expired: 0 };

  for (;;) {
    if (now() >= deadline) return { ...count, ...(await stop()) };
    const hasRoom = lease.noted < MAX_NOTED;
    const entry = hasRoom ? lease.next() : undefined;
    if (!entry) {
      const written = hasRoom ? await lease.end() : await lease.keep();
      if (written === 'lost') return { ...count, ...(await lost()) };
      if (written === 'kept' && hasRoom) return count;
      continue;
    }
    const stored = await store.find(entry);
    if (!stored || stored.message.backlog?.acceptedAt !== entry.acceptedAt) {
      lease.note(entry, 'orphan');
      continue;
    }
    const inDoubt = lease.isInDoubt(entry) || stored.message.backlog.inDoubt === true;
    if (stored.message.expiresAt <= now()) {
      const change = (message: Message) => withExpiry(message, inDoubt, now());
      lease.note(entry, { stored, change, isFact: false });
      count.expired += 1;
      continue;
    }
    const permit = await pace.permit();
    if (permit !== 'go') {
      lease.note(entry, deferralNote(stored, { at: now(), code: permit.code, inDoubt }));
      return { ...count, ...(await defer(permit, count.handedOver === 0)) };
    }
    const kept = await lease.keep(entry);
    if (kept === 'lost') return { ...count, ...(await lost()) };
    if (kept === 'changed') continue;

    const outcome = await handOver(dependencies, { entry, stored, inDoubt });
    lease.note(entry, outcome.note);
    if (outcome.result === 'put-off')
      return { ...count, ...(await defer(outcome, count.handedOver === 0)) };
    count[outcome.result] += 1;
    await wakeUps
      .request()
      .catch((error: unknown) => warn('feedback.wake-up-not-requested', error));
  }
}
