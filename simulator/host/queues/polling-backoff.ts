// Of the real host.
const MIN_DELAY_MS = 100;
const JITTER = 0.2;

/** How long to wait before a queue that was empty, or away, is asked again. */
export class PollingBackoff {
  readonly #maxDelayMs: number;
  readonly #random: () => number;
  #empty = 0;

  constructor(maxDelayMs: number, random: () => number = Math.random) {
    this.#maxDelayMs = maxDelayMs;
    this.#random = random;
  }

  reset(): void {
    this.#empty = 0;
  }

  nextDelayMs(): number {
    const factor = 1 + JITTER * (2 * this.#random() - 1);
    const growth = this.#empty === 0 ? 0 : MIN_DELAY_MS * 2 ** (this.#empty - 1) * factor;
    const delayMs = Math.min(MIN_DELAY_MS + growth, this.#maxDelayMs);
    if (delayMs < this.#maxDelayMs) this.#empty++;
    return delayMs;
  }
}
