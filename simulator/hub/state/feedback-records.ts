import type { FeedbackRecord } from './feedback-record.ts';

/** A record and the set that it is in: those that wait for a batch, or a batch. */
export interface HeldRecord {
  readonly record: FeedbackRecord;
  holder: Set<HeldRecord>;
}

/** Finds the records of a device without looking at those of others. */
export class FeedbackRecords {
  readonly #byGeneration = new Map<string, Set<HeldRecord>>();

  add(record: FeedbackRecord, holder: Set<HeldRecord>): void {
    const held = { record, holder };
    holder.add(held);
    const generation = this.#byGeneration.get(record.deviceGenerationId) ?? new Set();
    this.#byGeneration.set(record.deviceGenerationId, generation.add(held));
  }

  move(held: HeldRecord, holder: Set<HeldRecord>): void {
    held.holder.delete(held);
    held.holder = holder.add(held);
  }

  /** Empties a batch that is done with. */
  clear(holder: Set<HeldRecord>): void {
    for (const held of holder) this.#forget(held);
    holder.clear();
  }

  /** Takes out the device's records wherever they are; returns the sets they were in. */
  removeGeneration(deviceGenerationId: string): Set<Set<HeldRecord>> {
    const holders = new Set<Set<HeldRecord>>();
    for (const held of this.#byGeneration.get(deviceGenerationId) ?? []) {
      held.holder.delete(held);
      holders.add(held.holder);
    }
    this.#byGeneration.delete(deviceGenerationId);
    return holders;
  }

  #forget(held: HeldRecord): void {
    const { deviceGenerationId } = held.record;
    const generation = this.#byGeneration.get(deviceGenerationId);
    generation?.delete(held);
    if (generation?.size === 0) this.#byGeneration.delete(deviceGenerationId);
  }
}
