import type { Copy } from './hub-truth.ts';

/** A command of queued dispatch that was handed over at the first attempt. */
export interface Dispatched {
  readonly deviceId: string;
  readonly messageId: string;
  readonly acceptedAt: number;
  readonly firstCopy: Copy;
}

/**
 * The commands whose first copy reached the hub before that of another of the same device which had been accepted
 * earlier, by more than clocks may differ.
 */
export function outOfOrder(dispatched: readonly Dispatched[], clocksDifferMs: number): string[] {
  const latest = new Map<string, number>();
  return dispatched
    .toSorted((a, b) => a.firstCopy.place - b.firstCopy.place)
    .flatMap(({ deviceId, messageId, acceptedAt }) => {
      const before = latest.get(deviceId) ?? 0;
      latest.set(deviceId, Math.max(before, acceptedAt));
      return acceptedAt + clocksDifferMs < before ? [messageId] : [];
    });
}
