import { randomUUID } from 'node:crypto';
import { BinaryHeap, type HeapNode } from './binary-heap.ts';
import type { Clock } from './clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { FeedbackRecord } from './feedback-record.ts';
import type { FeedbackMishap, FeedbackMishaps } from './feedback-mishap.ts';
import { FeedbackRecords, type HeldRecord } from './feedback-records.ts';
import { HubError } from './hub-error.ts';
import type { HubSettings } from './settings.ts';

export interface FeedbackDelivery {
  readonly lockToken: string;
  readonly records: readonly FeedbackRecord[];
  /** When the batch was put together. */
  readonly enqueuedAt: number;
  readonly deliveryCount: number;
}

export interface FeedbackSnapshot {
  readonly lastBatchAt?: number;
  readonly pending: readonly FeedbackRecord[];
  readonly batches: readonly {
    readonly enqueuedAt: number;
    readonly deliveryCount: number;
    readonly records: readonly FeedbackRecord[];
  }[];
}

export interface FeedbackContents {
  /** In no batch yet. */
  readonly pending: readonly FeedbackRecord[];
  readonly batches: readonly {
    readonly enqueuedAt: number;
    readonly expiresAt: number;
    readonly deliveryCount: number;
    readonly isLocked: boolean;
    readonly records: readonly FeedbackRecord[];
  }[];
}

interface Batch {
  ordinal: number;
  readonly enqueuedAt: number;
  readonly records: Set<HeldRecord>;
  deliveryCount: number;
  /** One mishap is enough. */
  isSpared: boolean;
  waiting: HeapNode<Batch> | undefined;
  lock: { readonly token: string; readonly cancelTimer: () => void } | undefined;
  cancelExpiry: () => void;
}

export interface FeedbackDependencies {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly settings: HubSettings['feedback'];
  readonly mishaps?: () => FeedbackMishaps | undefined;
  readonly onChange: () => void;
}

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d#message-feedback */
export class FeedbackQueue {
  readonly #dependencies: FeedbackDependencies;
  readonly #records = new FeedbackRecords();
  /** Not in a batch yet. */
  readonly #pending = new Set<HeldRecord>();
  readonly #batches = new Map<Set<HeldRecord>, Batch>();
  readonly #waiting = new BinaryHeap<Batch>((a, b) => a.ordinal < b.ordinal);
  readonly #locked = new Map<string, Batch>();
  readonly #listeners = new Set<() => void>();
  #lastBatchAt: number | undefined;
  #lastOrdinal = 0;
  #cancelBatchTimer: (() => void) | undefined;

  constructor(dependencies: FeedbackDependencies) {
    this.#dependencies = dependencies;
  }

  add(record: FeedbackRecord): void {
    this.#records.add(record, this.#pending);
    this.#dependencies.onChange();
    this.#batchUp();
  }

  /** Locks the oldest batch; undefined while there is none, or while as many as allowed are locked. */
  receive(): FeedbackDelivery | undefined {
    const { clock, deadlines, settings } = this.#dependencies;
    deadlines.runDue();
    if (this.#locked.size >= settings.maxLockedBatches) return undefined;
    const batch = this.#next();
    if (!batch) return undefined;
    const token = randomUUID();
    const cancelTimer = deadlines.schedule(clock.movingTo() + settings.lockMs, () =>
      this.#putBack(batch),
    );
    batch.lock = { token, cancelTimer };
    this.#locked.set(token, batch);
    return {
      lockToken: token,
      records: recordsOf(batch.records),
      enqueuedAt: batch.enqueuedAt,
      deliveryCount: batch.deliveryCount,
    };
  }

  /** Throws `deviceMessageLockLost`, as does abandon. */
  complete(lockToken: string): void {
    this.#remove(this.#lockedBatch(lockToken));
  }

  /** Raises the delivery count; a batch that reaches the most is lost. */
  abandon(lockToken: string): void {
    const batch = this.#lockedBatch(lockToken);
    batch.deliveryCount++;
    if (batch.deliveryCount >= this.#dependencies.settings.maxDeliveryCount) this.#remove(batch);
    else this.#putBack(batch);
  }

  /** The consumer went away: back to its place, count unchanged; silent when the lock is gone. */
  release(lockToken: string): void {
    const batch = this.#locked.get(lockToken);
    if (batch) this.#putBack(batch);
  }

  /** A deleted device takes its records along; those that a consumer holds now have reached it. */
  removeGeneration(deviceGenerationId: string): void {
    for (const holder of this.#records.removeGeneration(deviceGenerationId)) {
      const batch = this.#batches.get(holder);
      if (batch && !batch.lock && holder.size === 0) this.#remove(batch);
    }
    this.#dependencies.onChange();
  }

  /** A batch may be there to receive. */
  onAvailable(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For inspection. */
  counts(): { pendingRecords: number; waitingBatches: number; lockedBatches: number } {
    this.#dependencies.deadlines.runDue();
    return {
      pendingRecords: this.#pending.size,
      waitingBatches: this.#waiting.size,
      lockedBatches: this.#locked.size,
    };
  }

  /** For inspection. */
  inspect(): FeedbackContents {
    this.#dependencies.deadlines.runDue();
    return {
      pending: recordsOf(this.#pending),
      batches: [...this.#batches.values()].map((batch) => ({
        enqueuedAt: batch.enqueuedAt,
        expiresAt: batch.enqueuedAt + this.#dependencies.settings.ttlMs,
        deliveryCount: batch.deliveryCount,
        isLocked: batch.lock !== undefined,
        records: recordsOf(batch.records),
      })),
    };
  }

  /** Nobody is told. */
  clear(): void {
    for (const batch of this.#batches.values()) this.#remove(batch);
    this.#records.clear(this.#pending);
    this.#cancelBatchTimer?.();
    this.#cancelBatchTimer = undefined;
    this.#lastBatchAt = undefined;
    this.#dependencies.onChange();
  }

  /** `onTheirWay` are records that come in later. */
  snapshot(onTheirWay: readonly FeedbackRecord[] = []): FeedbackSnapshot {
    return {
      ...(this.#lastBatchAt !== undefined && { lastBatchAt: this.#lastBatchAt }),
      pending: [...recordsOf(this.#pending), ...onTheirWay],
      batches: [...this.#batches.values()].map(({ enqueuedAt, deliveryCount, records }) => ({
        enqueuedAt,
        deliveryCount,
        records: recordsOf(records),
      })),
    };
  }

  /** No lock outlives the hub. */
  restore(snapshot: FeedbackSnapshot): void {
    this.#lastBatchAt = snapshot.lastBatchAt;
    for (const { enqueuedAt, deliveryCount, records } of snapshot.batches) {
      const batch = this.#newBatch(enqueuedAt, deliveryCount);
      for (const record of records) this.#records.add(record, batch.records);
    }
    for (const record of snapshot.pending) this.#records.add(record, this.#pending);
    this.#batchUp();
  }

  /** A batch goes out at its full size or, if sooner, an interval after the last one. */
  #batchUp(): void {
    const { clock, deadlines, settings } = this.#dependencies;
    this.#cancelBatchTimer?.();
    this.#cancelBatchTimer = undefined;
    const now = clock.now();
    let isBatched = false;
    while (
      this.#pending.size >= settings.batchSize ||
      (this.#pending.size > 0 && now >= this.#nextBatchAt())
    ) {
      const batch = this.#newBatch(now, 0);
      for (const held of this.#pending) {
        if (batch.records.size === settings.batchSize) break;
        this.#records.move(held, batch.records);
      }
      this.#lastBatchAt = now;
      isBatched = true;
    }
    if (this.#pending.size > 0)
      this.#cancelBatchTimer = deadlines.schedule(this.#nextBatchAt(), () => this.#batchUp());
    if (isBatched) {
      this.#dependencies.onChange();
      this.#announce();
    }
  }

  #nextBatchAt(): number {
    if (this.#lastBatchAt === undefined) return -Infinity;
    return this.#lastBatchAt + this.#dependencies.settings.intervalMs;
  }

  #newBatch(enqueuedAt: number, deliveryCount: number): Batch {
    const { deadlines, settings } = this.#dependencies;
    const batch: Batch = {
      ordinal: ++this.#lastOrdinal,
      enqueuedAt,
      deliveryCount,
      records: new Set(),
      isSpared: false,
      waiting: undefined,
      lock: undefined,
      cancelExpiry: deadlines.schedule(enqueuedAt + settings.ttlMs, () => this.#remove(batch)),
    };
    batch.waiting = this.#waiting.push(batch);
    this.#batches.set(batch.records, batch);
    return batch;
  }

  /** The oldest that waits, and no mishap keeps from its consumer. */
  #next(): Batch | undefined {
    for (let batch = this.#waiting.pop(); batch; batch = this.#waiting.pop()) {
      batch.waiting = undefined;
      const mishap = batch.isSpared ? undefined : this.#dependencies.mishaps?.()?.ofBatch();
      batch.isSpared = true;
      if (!mishap || !this.#isKeptBack(batch, mishap)) return batch;
    }
    return undefined;
  }

  #isKeptBack(batch: Batch, mishap: FeedbackMishap): boolean {
    const { clock, deadlines } = this.#dependencies;
    switch (mishap.kind) {
      case 'lose':
        this.#remove(batch);
        return true;
      case 'duplicate': {
        const copy = this.#newBatch(batch.enqueuedAt, batch.deliveryCount);
        copy.isSpared = true;
        for (const record of recordsOf(batch.records)) this.#records.add(record, copy.records);
        return false;
      }
      case 'delay':
        deadlines.schedule(clock.now() + mishap.ms, () => {
          if (this.#batches.get(batch.records) === batch) this.#putBack(batch);
        });
        return true;
      case 'reorder':
      default:
        return this.#putBehind(batch);
    }
  }

  /** Its records in the opposite order; false if there is no other to let go first. */
  #putBehind(batch: Batch): boolean {
    const records = [...batch.records].toReversed();
    batch.records.clear();
    for (const record of records) batch.records.add(record);
    if (this.#waiting.size === 0) return false;
    batch.ordinal = ++this.#lastOrdinal;
    batch.waiting = this.#waiting.push(batch);
    return true;
  }

  #lockedBatch(lockToken: string): Batch {
    this.#dependencies.deadlines.runDue();
    const batch = this.#locked.get(lockToken);
    if (batch) return batch;
    throw new HubError(
      'deviceMessageLockLost',
      'The lock on the feedback batch has run out, or the batch is gone',
    );
  }

  #putBack(batch: Batch): void {
    if (batch.records.size === 0) {
      this.#remove(batch);
      return;
    }
    this.#unlock(batch);
    batch.waiting = this.#waiting.push(batch);
    this.#dependencies.onChange();
    this.#announce();
  }

  #remove(batch: Batch): void {
    const wasLocked = batch.lock !== undefined;
    this.#unlock(batch);
    if (batch.waiting) this.#waiting.remove(batch.waiting);
    batch.cancelExpiry();
    this.#batches.delete(batch.records);
    this.#records.clear(batch.records);
    this.#dependencies.onChange();
    if (wasLocked && this.#waiting.size > 0) this.#announce();
  }

  #unlock(batch: Batch): void {
    if (!batch.lock) return;
    batch.lock.cancelTimer();
    this.#locked.delete(batch.lock.token);
    batch.lock = undefined;
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}

function recordsOf(held: ReadonlySet<HeldRecord>): FeedbackRecord[] {
  return [...held].map(({ record }) => record);
}
