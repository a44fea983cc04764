import type { FeedbackDelivery, FeedbackQueue } from '../state/feedback-queue.ts';

export interface FeedbackConsumer {
  canReceive(): boolean;
  receive(batch: FeedbackDelivery): void;
}

/** Hands feedback to those that want it, in turn. */
export class FeedbackDispatcher {
  readonly #queue: FeedbackQueue;
  readonly #waiting = new Set<FeedbackConsumer>();
  readonly #stopListening: () => void;
  #isDispatching = false;

  constructor(queue: FeedbackQueue) {
    this.#queue = queue;
    this.#stopListening = queue.onAvailable(() => this.#dispatch());
  }

  /** It waits for a batch, or is handed one at once. */
  add(consumer: FeedbackConsumer): void {
    this.#waiting.add(consumer);
    this.#dispatch();
  }

  remove(consumer: FeedbackConsumer): void {
    this.#waiting.delete(consumer);
  }

  stop(): void {
    this.#stopListening();
  }

  #dispatch(): void {
    // The queue announces batches while one is taken from it, too.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    try {
      for (const consumer of this.#waiting) {
        if (consumer.canReceive()) {
          const batch = this.#queue.receive();
          if (!batch) return;
          this.#waiting.delete(consumer);
          consumer.receive(batch);
          // At the end of the line, which this loop still reaches.
          this.#waiting.add(consumer);
        } else this.#waiting.delete(consumer);
      }
    } finally {
      this.#isDispatching = false;
    }
  }
}
