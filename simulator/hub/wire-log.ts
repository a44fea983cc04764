export interface WireLogEntry {
  readonly protocol: 'amqp' | 'mqtt' | 'https';
  readonly peer: string;
  readonly event: string;
  /** Never payloads, keys, tokens. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

interface RecordedEntry extends WireLogEntry {
  /** Counts up from 1. */
  readonly ordinal: number;
  /** The machine's time of its arrival. */
  readonly at: number;
}

export interface WireLog {
  record(entry: WireLogEntry): void;
  /** Oldest first. */
  entries(): RecordedEntry[];
}

const DEFAULT_CAPACITY = 10_000;

/** The last events on the hub's sockets. */
export function boundedWireLog(capacity = DEFAULT_CAPACITY): WireLog {
  const ring: RecordedEntry[] = [];
  let oldest = 0;
  let recorded = 0;
  return {
    record(entry) {
      const stamped = { ...entry, ordinal: ++recorded, at: Date.now() };
      if (ring.length < capacity) ring.push(stamped);
      else {
        ring[oldest] = stamped;
        oldest = (oldest + 1) % capacity;
      }
    },
    entries: () => [...ring.slice(oldest), ...ring.slice(0, oldest)],
  };
}
