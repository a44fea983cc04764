import { BinaryHeap } from './binary-heap.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Where a move that is under way ends, or now. No client can act before: the time it is given counts from here. */
  movingTo(): number;
  /** Runs once at or after `at`; returns a cancel function. */
  schedule(at: number, run: () => void): () => void;
}

/** Node runs a timer of a longer delay at once. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock; its timers do not keep the process alive. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    movingTo: () => Date.now(),
    schedule(at, run) {
      let timer: NodeJS.Timeout;
      // Also after a timer that came early, or a machine clock that was set back.
      const arm = (): void => {
        const delay = Math.min(Math.max(at - Date.now(), 1), LONGEST_TIMER_MS);
        timer = setTimeout(() => (Date.now() < at ? arm() : run()), delay).unref();
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}

interface Timer {
  readonly at: number;
  readonly ordinal: number;
  readonly run: () => void;
}

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now: number;
  #movingTo = -Infinity;
  #scheduled = 0;
  readonly #timers = new BinaryHeap<Timer>((a, b) =>
    a.at === b.at ? a.ordinal < b.ordinal : a.at < b.at,
  );

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  movingTo(): number {
    return Math.max(this.#now, this.#movingTo);
  }

  schedule(at: number, run: () => void): () => void {
    const node = this.#timers.push({ at, ordinal: this.#scheduled++, run });
    return () => this.#timers.remove(node);
  }

  /** Runs what falls due in order of time; each timer sees its own time as now. */
  advance(ms: number): void {
    const end = this.#now + ms;
    const outerMove = this.#movingTo;
    this.#movingTo = Math.max(outerMove, end);
    try {
      for (let next = this.#timers.peek(); next && next.at <= end; next = this.#timers.peek()) {
        this.#timers.pop();
        this.#now = Math.max(this.#now, next.at);
        next.run();
      }
      this.#now = end;
    } finally {
      this.#movingTo = outerMove;
    }
  }
}
