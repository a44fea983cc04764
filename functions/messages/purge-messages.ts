import type { Backlog } from './dispatch/backlog.ts';
import { withPurge } from './dispatch/decisions.ts';
import { withdraw } from './dispatch/withdraw.ts';
import type { DeviceQueuePurger } from './message.ts';
import type { MessageStore } from './message-store.ts';

export interface Purged {
  /** Messages that waited at the hub; what becomes of each is reported by feedback. */
  readonly purged: number;
  /** Messages that waited here. */
  readonly deferredPurged: number;
}

const AT_ONCE = 200;
/** Clocks differ a little between those who accept messages. */
const CLOCK_TOLERANCE_MS = 1_000;

interface PurgeDependencies {
  readonly purger: DeviceQueuePurger;
  readonly backlog: Backlog;
  readonly store: Pick<MessageStore, 'find'>;
  readonly requestDispatch: (deviceId: string) => Promise<void>;
  readonly wakeUps: { request(): Promise<void> };
  readonly now: () => number;
}

/**
 * Empties a device's queue at the hub and its backlog here. Rejects with `device-not-found`, `throttled`,
 * `hub-unavailable` (what waited here is purged already), `storage-unavailable`.
 */
export async function purgeMessages(
  dependencies: PurgeDependencies,
  deviceId: string,
): Promise<Purged> {
  const { purger, requestDispatch, wakeUps, now } = dependencies;
  const startedAt = now();
  // Ours first: what waits here could follow into the place that the hub makes.
  const before = await purgeBacklog(dependencies, deviceId, startedAt);
  const purged = await purger.purge(deviceId);
  // The one that was being handed over may have come back.
  const after = await purgeBacklog(dependencies, deviceId, startedAt);
  if (before + after > 0) await requestDispatch(deviceId);
  await wakeUps.request();
  return { purged, deferredPurged: before + after };
}

async function purgeBacklog(
  dependencies: PurgeDependencies,
  deviceId: string,
  startedAt: number,
): Promise<number> {
  const { backlog, now } = dependencies;
  let purged = 0;
  let after: { acceptedAt: number; messageId: string } | undefined;
  for (;;) {
    const page = await backlog.keys(deviceId, { limit: AT_ONCE, ...(after && { after }) });
    const old = page.filter(({ acceptedAt }) => acceptedAt <= startedAt + CLOCK_TOLERANCE_MS);
    purged += await withdraw(dependencies, deviceId, old, (message, inDoubt) =>
      withPurge(message, inDoubt, now()),
    );
    after = page.at(-1);
    if (page.length < AT_ONCE || old.length < page.length) return purged;
  }
}
