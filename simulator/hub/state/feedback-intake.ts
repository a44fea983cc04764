import type { Clock } from './clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { FeedbackMishap, FeedbackMishaps } from './feedback-mishap.ts';
import type { FeedbackQueue } from './feedback-queue.ts';
import type { FeedbackRecord } from './feedback-record.ts';

interface IntakeDependencies {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly queue: FeedbackQueue;
  readonly mishaps: () => FeedbackMishaps | undefined;
}

/** The way of a record into the queue, where it may meet a mishap. */
export class FeedbackIntake {
  readonly #dependencies: IntakeDependencies;
  /** Come too late, by what would stop them. */
  readonly #delayed = new Map<FeedbackRecord, () => void>();
  /** Wait for another one to go first. */
  #heldBack: FeedbackRecord[] = [];

  constructor(dependencies: IntakeDependencies) {
    this.#dependencies = dependencies;
  }

  add(record: FeedbackRecord): void {
    const { queue, mishaps } = this.#dependencies;
    const mishap = mishaps()?.ofRecord(record);
    if (mishap) {
      this.#meet(mishap, record);
      return;
    }
    queue.add(record);
    for (const earlier of this.#heldBack.splice(0)) queue.add(earlier);
  }

  /** Those that are still on their way. */
  records(): FeedbackRecord[] {
    return [...this.#delayed.keys(), ...this.#heldBack];
  }

  removeGeneration(deviceGenerationId: string): void {
    const isGone = (record: FeedbackRecord): boolean =>
      record.deviceGenerationId === deviceGenerationId;
    for (const record of this.#delayed.keys()) if (isGone(record)) this.#forget(record);
    this.#heldBack = this.#heldBack.filter((record) => !isGone(record));
  }

  clear(): void {
    for (const record of this.#delayed.keys()) this.#forget(record);
    this.#heldBack = [];
  }

  #meet(mishap: FeedbackMishap, record: FeedbackRecord): void {
    const { clock, deadlines, queue } = this.#dependencies;
    switch (mishap.kind) {
      case 'lose':
        break;
      case 'duplicate':
        queue.add(record);
        queue.add({ ...record });
        break;
      case 'delay': {
        const cancel = deadlines.schedule(clock.now() + mishap.ms, () => {
          this.#delayed.delete(record);
          queue.add(record);
        });
        this.#delayed.set(record, cancel);
        break;
      }
      case 'reorder':
        this.#heldBack.push(record);
    }
  }

  #forget(record: FeedbackRecord): void {
    this.#delayed.get(record)?.();
    this.#delayed.delete(record);
  }
}
