export type JournalEventType =
  | 'enqueued'
  | 'delivered'
  | 'completed'
  | 'rejected'
  | 'abandoned'
  | 'released'
  | 'lockExpired'
  | 'expired'
  | 'deliveryCountExceeded'
  | 'purged'
  | 'deviceDeleted';

export interface JournalEvent {
  readonly type: JournalEventType;
  readonly deviceId: string;
  readonly deviceGenerationId: string;
  readonly messageId?: string;
  readonly sequenceNumber: number;
  /** How often the message was handed to the device so far. */
  readonly attempt: number;
  readonly at: number;
}

/** Enough for a long session by hand; whoever needs every event listens. */
const DEFAULT_CAPACITY = 50_000;

/** What truly became of every cloud-to-device message; the oldest events make room for new ones. */
export class Journal {
  readonly #capacity: number;
  readonly #ring: JournalEvent[] = [];
  #oldest = 0;
  readonly #listeners = new Set<(event: JournalEvent) => void>();

  constructor(capacity = DEFAULT_CAPACITY) {
    this.#capacity = capacity;
  }

  record(event: JournalEvent): void {
    if (this.#ring.length < this.#capacity) this.#ring.push(event);
    else {
      this.#ring[this.#oldest] = event;
      this.#oldest = (this.#oldest + 1) % this.#capacity;
    }
    for (const listener of this.#listeners) listener(event);
  }

  /** Oldest first. */
  events(filter: { deviceId?: string; messageId?: string } = {}): JournalEvent[] {
    const { deviceId, messageId } = filter;
    return [...this.#ring.slice(this.#oldest), ...this.#ring.slice(0, this.#oldest)].filter(
      (event) =>
        (deviceId === undefined || event.deviceId === deviceId) &&
        (messageId === undefined || event.messageId === messageId),
    );
  }

  clear(): void {
    this.#ring.length = 0;
    this.#oldest = 0;
  }

  onEvent(listener: (event: JournalEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
