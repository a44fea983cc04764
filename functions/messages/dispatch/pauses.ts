import type { MessageStore } from '../message-store.ts';
import { withDeferral } from '../lifecycle.ts';
import type { Message } from '../message.ts';
import type { Backlog } from './backlog.ts';
import type { DispatchQueue } from './dispatch-queue.ts';
import type { HeldLease } from './held-lease.ts';

/** How a run ends before the backlog does. */
export interface Pause {
  /** Why the rest waits, and when it is tried again. */
  readonly deferred?: { readonly code: string; readonly retryAt: number };
  /** Another took over. */
  readonly isLost?: true;
}

/**
 * Between two tries on a device's full queue. It is also woken when the hub reports that something left the queue;
 * each try is a send that counts against the hub's throttle.
 */
const FULL_QUEUE_DELAYS_MS = [1, 2, 4, 8, 15, 30, 60, 120].map((seconds) => seconds * 1000);
const LONGEST_FULL_QUEUE_DELAY_MS = 5 * 60_000;
/** After a pause of all, devices come back over this time, the longer the more often they were put off. */
const FIRST_SPREAD_MS = 500;
const LONGEST_SPREAD_MS = 60_000;
const ASK_AGAIN_MS = 1_000;
/** How many messages are told in one run that they wait. */
const MAX_TOLD = 200;

export function pauses(
  dependencies: {
    backlog: Pick<Backlog, 'findAccepted'>;
    store: Pick<MessageStore, 'changeMany'>;
    queue: DispatchQueue;
    now: () => number;
    random: () => number;
  },
  deviceId: string,
  lease: Pick<HeldLease, 'release' | 'deferrals'>,
) {
  const { backlog, store, queue, now, random } = dependencies;

  async function lost(): Promise<Pause> {
    // Whoever has the lease may have been at its end.
    await queue.enqueue({ deviceId }, ASK_AGAIN_MS);
    return { isLost: true };
  }

  /** The first message was put off; those behind it wait as well. */
  async function tellAll(code: string): Promise<void> {
    const waiting = await backlog.findAccepted(deviceId, MAX_TOLD);
    const deferral = { at: now(), code, inDoubt: false };
    const change = (message: Message) => withDeferral(message, deferral, now());
    await store.changeMany(waiting.map(({ messageId }) => ({ deviceId, messageId, change })));
  }

  /** The run took long enough. */
  async function stop(): Promise<Pause> {
    if (!(await lease.release(0, 0))) return lost();
    await queue.enqueue({ deviceId }, 0);
    return {};
  }

  /** `waitMs`: how long all devices wait; undefined if only this one does. */
  async function defer(
    { code, waitMs }: { code: string; waitMs: number | undefined },
    isFirst: boolean,
  ): Promise<Pause> {
    const deferrals = isFirst ? lease.deferrals : 0;
    const spreadMs = Math.min(FIRST_SPREAD_MS * 2 ** deferrals, LONGEST_SPREAD_MS);
    const delayMs =
      waitMs === undefined
        ? (FULL_QUEUE_DELAYS_MS[deferrals] ?? LONGEST_FULL_QUEUE_DELAY_MS)
        : waitMs + random() * spreadMs;
    const retryAt = Math.ceil(now() + delayMs);
    if (!(await lease.release(retryAt, deferrals + 1))) return lost();
    await queue.enqueue({ deviceId, retryAt }, retryAt - now());
    await tellAll(code);
    return { deferred: { code, retryAt } };
  }

  return { lost, stop, defer };
}
