import { BinaryHeap } from './binary-heap.ts';
import type { Clock } from './clock.ts';

interface Timer {
  readonly at: number;
  readonly ordinal: number;
  readonly run: () => void;
}

/** Goes on as the clock below it does, and can be moved ahead of it. */
export class MovableClock implements Clock {
  readonly #base: Clock;
  readonly #onMove: () => void;
  readonly #timers = new BinaryHeap<Timer>((a, b) =>
    a.at === b.at ? a.ordinal < b.ordinal : a.at < b.at,
  );
  #scheduled = 0;
  #offsetMs = 0;
  /** The offset at the end of a move that is under way. */
  #movingToOffsetMs = -Infinity;
  #armed: { at: number; cancel: () => void } | undefined;

  constructor(base: Clock, onMove: () => void = () => {}) {
    this.#base = base;
    this.#onMove = onMove;
  }

  now(): number {
    return this.#base.now() + this.#offsetMs;
  }

  movingTo(): number {
    return this.#base.movingTo() + Math.max(this.#offsetMs, this.#movingToOffsetMs);
  }

  /** How far it is ahead of the clock below. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Sets the clock, back too; what falls due by it runs soon, not now. */
  set offsetMs(offsetMs: number) {
    this.#offsetMs = offsetMs;
    this.#disarm();
    this.#arm();
    this.#onMove();
  }

  schedule(at: number, run: () => void): () => void {
    const node = this.#timers.push({ at, ordinal: this.#scheduled++, run });
    this.#arm();
    return () => {
      this.#timers.remove(node);
      if (this.#timers.size === 0) this.#disarm();
    };
  }

  /** Runs what falls due in order of time; each timer sees its own time as now. */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0)
      throw new RangeError(`The clock moves ahead by milliseconds from 0 up, not by ${ms}`);
    const offsetMs = this.#offsetMs + ms;
    const outerMove = this.#movingToOffsetMs;
    this.#movingToOffsetMs = Math.max(outerMove, offsetMs);
    this.#disarm();
    try {
      for (;;) {
        const next = this.#timers.peek();
        const needed = next && next.at - this.#base.now();
        if (next === undefined || needed === undefined || needed > offsetMs) return;
        this.#timers.pop();
        this.#offsetMs = Math.max(this.#offsetMs, needed);
        next.run();
      }
    } finally {
      this.#movingToOffsetMs = outerMove;
      // A timer may have moved the clock itself, further than this; those it scheduled were armed too late.
      this.offsetMs = Math.max(this.#offsetMs, offsetMs);
    }
  }

  #runDue(): void {
    this.#armed = undefined;
    try {
      for (let next = this.#timers.peek(); next && next.at <= this.now();) {
        this.#timers.pop();
        next.run();
        next = this.#timers.peek();
      }
    } finally {
      this.#arm();
    }
  }

  #arm(): void {
    const next = this.#timers.peek();
    if (!next || (this.#armed && this.#armed.at <= next.at)) return;
    this.#disarm();
    const cancel = this.#base.schedule(next.at - this.#offsetMs, () => this.#runDue());
    this.#armed = { at: next.at, cancel };
  }

  #disarm(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
  }
}
