/** Says that messages wait for a device; what they are stands in the backlog. */
export interface DispatchWakeUp {
  readonly deviceId: string;
  /** Of a try that was put off until then. */
  readonly retryAt?: number;
  /** The hub has room for the device again: no need to wait for the time of the next try. */
  readonly hasRoom?: true;
}

export interface DispatchQueue {
  /** Rejects with `storage-unavailable`. */
  enqueue(wakeUp: DispatchWakeUp, delayMs: number): Promise<void>;
}

/**
 * Wakes the dispatch of devices. Whoever asks while an earlier wake-up of the device is on its way to the queue shares
 * the next one; never the one on its way, which may be worked off before the asker's message was stored.
 */
export function dispatchRequests(queue: DispatchQueue): (deviceId: string) => Promise<void> {
  const underWay = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  async function enqueue(deviceId: string): Promise<void> {
    waiting.delete(deviceId);
    const done = queue.enqueue({ deviceId }, 0);
    underWay.set(deviceId, done);
    try {
      await done;
    } finally {
      if (underWay.get(deviceId) === done) underWay.delete(deviceId);
    }
  }

  return async (deviceId) => {
    const shared = waiting.get(deviceId);
    if (shared) return shared;
    const earlier = underWay.get(deviceId);
    if (!earlier) return enqueue(deviceId);
    const next = earlier.catch(() => undefined).then(async () => enqueue(deviceId));
    waiting.set(deviceId, next);
    return next;
  };
}
