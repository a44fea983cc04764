import type { EventPage, ReadableLog } from './status-event.ts';

/** Callers who ask for the same within this time get the same answer. */
const SHARED_MS = 500;

/** The log for those who look again and again: however many they are, the storage is asked as often as by one or two. */
export function sharedReads(log: ReadableLog, now: () => number): ReadableLog {
  const recent = new Map<string, { at: number; page: Promise<EventPage> }>();

  function forgetBefore(time: number): void {
    for (const [key, { at }] of recent) {
      if (at >= time) return;
      recent.delete(key);
    }
  }

  return {
    lanes: (deviceId) => log.lanes(deviceId),
    async read(query) {
      const at = now();
      forgetBefore(at - SHARED_MS);
      const key = JSON.stringify(query);
      const known = recent.get(key);
      if (known) return known.page;
      const page = log.read(query);
      recent.set(key, { at, page });
      return page;
    },
  };
}
