import { BinaryHeap } from './binary-heap.ts';
import type { Clock } from './clock.ts';

interface Deadline {
  readonly at: number;
  readonly ordinal: number;
  readonly run: () => void;
}

/** Any number of deadlines on one timer of the clock. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap = new BinaryHeap<Deadline>((a, b) =>
    a.at === b.at ? a.ordinal < b.ordinal : a.at < b.at,
  );
  #scheduled = 0;
  #armed: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#heap.size;
  }

  /** Returns a cancel function, which may be called at any time. */
  schedule(at: number, run: () => void): () => void {
    const node = this.#heap.push({ at, ordinal: this.#scheduled++, run });
    this.#arm();
    return () => this.#heap.remove(node);
  }

  /** A timer may come late on a busy machine: whoever asks for the state of things calls this first. */
  runDue(): void {
    const now = this.#clock.now();
    try {
      for (let next = this.#heap.peek(); next && next.at <= now; next = this.#heap.peek()) {
        this.#heap.pop();
        next.run();
      }
    } finally {
      this.#arm();
    }
  }

  stop(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
    while (this.#heap.pop());
  }

  #arm(): void {
    const next = this.#heap.peek();
    // A timer that is early for what is left finds nothing due and is set anew.
    if (!next || (this.#armed && this.#armed.at <= next.at)) return;
    this.#armed?.cancel();
    const cancel = this.#clock.schedule(next.at, () => {
      this.#armed = undefined;
      this.runDue();
    });
    this.#armed = { at: next.at, cancel };
  }
}
