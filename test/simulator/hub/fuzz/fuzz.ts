import type { FuzzedHub } from './fuzzed-hub.ts';
import { Random } from './random.ts';

/**
 * To repeat a run: `FUZZ_SEED=7 npm run test:long -- test/simulator/hub/fuzz/mqtt`. To repeat one of
 * its inputs: FUZZ_FROM=1234 FUZZ_INPUTS=1 as well.
 */
const SEED = wholeNumber('FUZZ_SEED', 1);
const FIRST = wholeNumber('FUZZ_FROM', 0);
const INPUTS = wholeNumber('FUZZ_INPUTS', 10_000);
/** At once. */
export const CONCURRENCY = 40;
/** Caches fill, the compiler works: what comes after this many inputs must leave no more behind. */
const WARM_UP_SHARE = 0.2;
/** Objects of the compiler and of Node come and go; a leak of 500 bytes per input is above it. */
export const MAX_HEAP_GROWTH_BYTES = 4 * 1024 * 1024;

export interface Fuzzer {
  /** Before every batch of inputs. */
  readonly prepare?: () => Promise<void>;
  /** Sends one input and lets go of the hub; rejects if the hub's answer is not what the protocol asks for. */
  readonly send: (random: Random, slot: number) => Promise<void>;
}

/** Feeds the hub with junk, and fails if that does any harm. Returns by how much the hub's heap has grown. */
export async function fuzz(
  name: string,
  hub: FuzzedHub,
  { prepare, send }: Fuzzer,
): Promise<number> {
  process.stderr.write(`${name}: FUZZ_SEED=${SEED} FUZZ_FROM=${FIRST} FUZZ_INPUTS=${INPUTS}\n`);
  const warmUp = Math.floor(INPUTS * WARM_UP_SHARE);
  await feed(FIRST, FIRST + warmUp);
  const before = await hub.settled();
  await feed(FIRST + warmUp, FIRST + INPUTS);
  const after = await hub.settled(before.held);
  const grown = after.memory.heapBytes - before.memory.heapBytes;
  process.stderr.write(
    `${name}: heap ${kib(before.memory.heapBytes)} KiB, ${kib(grown)} more after; resident ${kib(
      after.memory.rssBytes,
    )} KiB\n`,
  );
  return grown;

  async function feed(from: number, to: number): Promise<void> {
    for (let first = from; first < to; first += CONCURRENCY) {
      await prepare?.();
      const count = Math.min(CONCURRENCY, to - first);
      await Promise.all(Array.from({ length: count }, async (_, slot) => one(first + slot, slot)));
      await hub.checkServes(`${name}, inputs ${first} to ${first + count - 1}, seed ${SEED}`);
    }
  }

  async function one(index: number, slot: number): Promise<void> {
    try {
      await send(new Random(SEED * 0x10001 + index), slot);
    } catch (error) {
      const problems = await hub.ask('problems').catch((gone: unknown) => [String(gone)]);
      throw new Error([`${name}: input ${index} of seed ${SEED}`, ...problems].join('\n'), {
        cause: error,
      });
    }
  }
}

function wholeNumber(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`${name} must be a whole number, not '${text}'`);
  return value;
}

function kib(bytes: number): number {
  return Math.round(bytes / 1024);
}
