/** Fills at a steady rate up to what it holds; time comes from the caller. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #tokens: number;
  #filledAt: number;

  constructor(capacity: number, perMs: number, now: number) {
    this.#capacity = capacity;
    this.#perMs = perMs;
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /** False leaves all in it that there is. */
  take(amount: number, now: number): boolean {
    this.#fill(now);
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }

  available(now: number): number {
    this.#fill(now);
    return this.#tokens;
  }

  /** A clock that was set back adds nothing, and takes nothing away. */
  #fill(now: number): void {
    const added = Math.max(now - this.#filledAt, 0) * this.#perMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + added);
    this.#filledAt = now;
  }
}
