import type { DeviceQueuePurger } from './message.ts';

export interface Purged {
  /** Messages that waited at the hub; what becomes of each is reported by feedback. */
  readonly purged: number;
  readonly deferredPurged: number;
}

/** Empties a device's queue. Rejects with `device-not-found`, `throttled`, `hub-unavailable`. */
export async function purgeMessages(
  dependencies: { purger: DeviceQueuePurger; wakeUps: { request(): Promise<void> } },
  deviceId: string,
): Promise<Purged> {
  const purged = await dependencies.purger.purge(deviceId);
  await dependencies.wakeUps.request();
  return { purged, deferredPurged: 0 };
}
