export interface WireLogEntry {
  readonly protocol: 'amqp' | 'mqtt' | 'https';
  readonly peer: string;
  readonly event: string;
  /** Never payloads, keys, tokens. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** What the hub got and what it gave, as bodies. */
export interface Payloads {
  readonly received?: Buffer;
  readonly sent?: Buffer;
}

interface RecordedEntry extends WireLogEntry {
  /** Counts up from 1. */
  readonly ordinal: number;
  /** The machine's time of its arrival. */
  readonly at: number;
  /** Kept on demand only, and no longer than there is room for them. */
  payloads?: Payloads;
}

export interface WireLog {
  /** `payloads` is asked for them if they are kept. */
  record(entry: WireLogEntry, payloads?: () => Payloads): void;
  /** Oldest first. */
  entries(): RecordedEntry[];
  /** Whether payloads are kept; they are forgotten when it ends. */
  keepsPayloads: boolean;
}

const DEFAULT_CAPACITY = 10_000;
const DEFAULT_PAYLOAD_BYTES = 32 * 1024 * 1024;

/** The last events on the hub's sockets, in flat memory. */
export function boundedWireLog(
  capacity = DEFAULT_CAPACITY,
  maxPayloadBytes = DEFAULT_PAYLOAD_BYTES,
): WireLog {
  const ring: RecordedEntry[] = [];
  let oldest = 0;
  let recorded = 0;
  let keepsPayloads = false;
  /** Oldest first; each is in the ring. */
  const withPayloads = new Set<RecordedEntry>();
  let payloadBytes = 0;

  function forgetPayloads(entry: RecordedEntry): void {
    if (!withPayloads.delete(entry)) return;
    payloadBytes -= sizeOf(entry.payloads);
    delete entry.payloads;
  }

  function keepPayloads(entry: RecordedEntry, payloads: Payloads): void {
    const size = sizeOf(payloads);
    if (size === 0 || size > maxPayloadBytes) return;
    entry.payloads = payloads;
    withPayloads.add(entry);
    payloadBytes += size;
    for (const earlier of withPayloads) {
      if (payloadBytes <= maxPayloadBytes) return;
      forgetPayloads(earlier);
    }
  }

  return {
    record(entry, payloads) {
      const stamped: RecordedEntry = { ...entry, ordinal: ++recorded, at: Date.now() };
      if (ring.length < capacity) ring.push(stamped);
      else {
        const replaced = ring[oldest];
        if (replaced?.payloads) forgetPayloads(replaced);
        ring[oldest] = stamped;
        oldest = (oldest + 1) % capacity;
      }
      if (keepsPayloads && payloads) keepPayloads(stamped, payloads());
    },
    entries: () => [...ring.slice(oldest), ...ring.slice(0, oldest)],
    get keepsPayloads() {
      return keepsPayloads;
    },
    set keepsPayloads(keeps) {
      keepsPayloads = keeps;
      if (!keeps) for (const entry of withPayloads) forgetPayloads(entry);
    },
  };
}

function sizeOf({ received, sent }: Payloads = {}): number {
  return (received?.length ?? 0) + (sent?.length ?? 0);
}
