interface Slot {
  readonly ordinal: number;
  /** Undefined once removed. */
  id: string | undefined;
}

/** Ids in the order in which they came, with a place to go on from that survives additions and removals. */
export class OrderedIds {
  #slots: Slot[] = [];
  readonly #byId = new Map<string, Slot>();
  #lastOrdinal = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** Ordinals only ever rise; one is given when an earlier order is restored. */
  add(id: string, ordinal = this.#lastOrdinal + 1): void {
    const slot: Slot = { ordinal, id };
    this.#lastOrdinal = ordinal;
    this.#slots.push(slot);
    this.#byId.set(id, slot);
  }

  ordinalOf(id: string): number | undefined {
    return this.#byId.get(id)?.ordinal;
  }

  remove(id: string): void {
    const slot = this.#byId.get(id);
    if (!slot) return;
    slot.id = undefined;
    this.#byId.delete(id);
    // Half of them empty: one clearing pays for as many removals, so each costs O(1) on average.
    if (this.#slots.length > 2 * this.#byId.size + 16) {
      this.#slots = this.#slots.filter((kept) => kept.id !== undefined);
    }
  }

  /** Ordinals that were given are not given again. */
  clear(): void {
    this.#slots = [];
    this.#byId.clear();
  }

  *after(ordinal: number): Generator<{ ordinal: number; id: string }> {
    for (let index = this.#firstAfter(ordinal); index < this.#slots.length; index++) {
      const slot = this.#slots[index];
      if (slot?.id !== undefined) yield { ordinal: slot.ordinal, id: slot.id };
    }
  }

  #firstAfter(ordinal: number): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#slots[middle]?.ordinal ?? Infinity) > ordinal) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
