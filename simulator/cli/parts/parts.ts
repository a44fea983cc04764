import { setTimeout as delay } from 'node:timers/promises';
import type { Interruption } from './interruption.ts';
import type { Part } from './part.ts';

// Ctrl-C reaches children at the same moment: they may be gone before we hear of it ourselves.
const SIGNAL_GRACE_MS = 250;
/** Longer than any part gives itself. */
const STOP_TIMEOUT_MS = 15_000;

export class PartEndedError extends Error {
  override readonly name = 'PartEndedError';
}

export class Parts {
  readonly #parts: Part[] = [];
  readonly #interruption: Interruption;
  #isStopping = false;

  constructor(interruption: Interruption) {
    this.#interruption = interruption;
  }

  /** Until the part is ready. From then on its end is the end of all. */
  async start<T>(part: Part, ready: Promise<T>): Promise<T> {
    if (this.#isStopping) await part.stop();
    else this.#parts.push(part);
    const started = await this.#interruption.orInterrupted(ready);
    void this.#watch(part);
    return started;
  }

  /** In the opposite order of their start. A part that cannot be stopped does not keep the others. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const failures: unknown[] = [];
    for (const part of this.#parts.splice(0).toReversed()) {
      await stopInTime(part).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be stopped');
  }

  async #watch(part: Part): Promise<void> {
    const end = await part.ended;
    await delay(SIGNAL_GRACE_MS, undefined, { ref: false });
    this.#interruption.interrupt(new PartEndedError(`The ${part.name} ${end}`));
  }
}

async function stopInTime(part: Part): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    const late = new Error(`The ${part.name} did not stop within ${STOP_TIMEOUT_MS / 1000} s`);
    timer = setTimeout(() => reject(late), STOP_TIMEOUT_MS);
  });
  try {
    await Promise.race([part.stop(), timedOut]);
  } finally {
    clearTimeout(timer);
  }
}
