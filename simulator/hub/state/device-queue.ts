import { BinaryHeap, type HeapNode } from './binary-heap.ts';
import type { CloudToDeviceMessage } from './cloud-to-device-message.ts';

interface DeliveryLock {
  readonly token: string;
  readonly expiresAt: number;
  readonly cancelTimer: () => void;
}

export interface QueueEntry {
  message: CloudToDeviceMessage;
  readonly deviceGenerationId: string;
  /** How often it was handed to the device. */
  attempts: number;
  /** Set while it waits. */
  waiting: HeapNode<QueueEntry> | undefined;
  /** Set while a consumer has it. */
  lock: DeliveryLock | undefined;
  readonly cancelExpiry: () => void;
}

/** The messages of one device: each waits in its place or is locked. */
export class DeviceQueue {
  readonly #entries = new Map<number, QueueEntry>();
  readonly #locked = new Map<string, QueueEntry>();
  readonly #waiting = new BinaryHeap<QueueEntry>(
    (a, b) => a.message.sequenceNumber < b.message.sequenceNumber,
  );
  lastSequenceNumber: number;

  constructor(lastSequenceNumber = 0) {
    this.lastSequenceNumber = lastSequenceNumber;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** In order of sequence number. */
  entries(): QueueEntry[] {
    return [...this.#entries.values()];
  }

  add(entry: QueueEntry): void {
    this.lastSequenceNumber = entry.message.sequenceNumber;
    this.#entries.set(entry.message.sequenceNumber, entry);
    entry.waiting = this.#waiting.push(entry);
  }

  head(): QueueEntry | undefined {
    return this.#waiting.peek();
  }

  lock(entry: QueueEntry, lock: DeliveryLock): void {
    if (entry.waiting) this.#waiting.remove(entry.waiting);
    entry.waiting = undefined;
    entry.lock = lock;
    this.#locked.set(lock.token, entry);
  }

  locked(token: string): QueueEntry | undefined {
    return this.#locked.get(token);
  }

  /** Back to its place. */
  unlock(entry: QueueEntry): void {
    this.#forgetLock(entry);
    entry.waiting = this.#waiting.push(entry);
  }

  remove(entry: QueueEntry): void {
    this.#forgetLock(entry);
    if (entry.waiting) this.#waiting.remove(entry.waiting);
    entry.waiting = undefined;
    entry.cancelExpiry();
    this.#entries.delete(entry.message.sequenceNumber);
  }

  #forgetLock(entry: QueueEntry): void {
    if (!entry.lock) return;
    entry.lock.cancelTimer();
    this.#locked.delete(entry.lock.token);
    entry.lock = undefined;
  }
}
