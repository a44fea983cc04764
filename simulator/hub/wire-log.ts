interface WireLogEntry {
  readonly protocol: 'amqp' | 'mqtt' | 'https';
  readonly peer: string;
  readonly event: string;
  /** Never payloads, keys, tokens. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface WireLog {
  record(entry: WireLogEntry): void;
  /** Oldest first, each with the machine's time of its arrival. */
  entries(): (WireLogEntry & { readonly at: number })[];
}

const DEFAULT_CAPACITY = 10_000;

/** The last events on the hub's sockets. */
export function boundedWireLog(capacity = DEFAULT_CAPACITY): WireLog {
  const ring: (WireLogEntry & { readonly at: number })[] = [];
  let oldest = 0;
  return {
    record(entry) {
      const stamped = { ...entry, at: Date.now() };
      if (ring.length < capacity) ring.push(stamped);
      else {
        ring[oldest] = stamped;
        oldest = (oldest + 1) % capacity;
      }
    },
    entries: () => [...ring.slice(oldest), ...ring.slice(0, oldest)],
  };
}
