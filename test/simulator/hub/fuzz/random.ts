import { seededRandom } from '../../../../simulator/hub/faults/seeded-random.ts';

/** The choices of one fuzz input; the same for the same seed. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('Nothing to pick from');
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** A copy with one to eight bytes changed. */
  flipped(bytes: Buffer): Buffer {
    const flipped = Buffer.from(bytes);
    if (flipped.length === 0) return flipped;
    for (let count = 1 + this.below(8); count > 0; count--)
      flipped[this.below(flipped.length)] = this.chance(0.5)
        ? this.below(256)
        : this.pick([0, 1, 0x7f, 0x80, 0xff]);
    return flipped;
  }

  /** A copy with some bytes cut out, doubled or put in. */
  spliced(bytes: Buffer): Buffer {
    const at = this.below(bytes.length + 1);
    const length = this.below(Math.min(64, bytes.length - at) + 1);
    const middle = this.pick([
      () => Buffer.alloc(0),
      () => Buffer.concat([bytes.subarray(at, at + length), bytes.subarray(at, at + length)]),
      () => this.bytes(this.below(64)),
    ])();
    return Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(at + length)]);
  }
}
