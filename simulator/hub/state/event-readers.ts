import { MAX_READERS_PER_PARTITION } from './limits.ts';

/** Who reads a partition for a consumer group. */
export interface EventReader {
  readonly consumerGroup: string;
  readonly partitionId: string;
  /** Of one that wants the partition for itself. */
  readonly ownerLevel?: number;
  /** The sequence number of the last event that it was sent. */
  position(): number;
  /** Another took the partition. */
  onStolen(ownerLevel: number): void;
}

export type Admission =
  | { readonly leave: () => void }
  | { readonly refusal: 'owned'; readonly ownerLevel: number }
  | { readonly refusal: 'tooMany' };

/**
 * An owner drives away all others and those of a lower level; without one a few may share.
 * https://learn.microsoft.com/azure/event-hubs/event-hubs-event-processor-host#epoch
 */
export class EventReaders {
  readonly #readers = new Set<EventReader>();

  join(reader: EventReader): Admission {
    const present = this.#besides(reader);
    const { ownerLevel } = reader;
    const owner = present.find((each) => each.ownerLevel !== undefined);
    if (owner?.ownerLevel !== undefined && (ownerLevel ?? -1) < owner.ownerLevel)
      return { refusal: 'owned', ownerLevel: owner.ownerLevel };
    if (ownerLevel === undefined && present.length >= MAX_READERS_PER_PARTITION)
      return { refusal: 'tooMany' };
    this.#readers.add(reader);
    if (ownerLevel !== undefined)
      for (const other of present) {
        this.#readers.delete(other);
        other.onStolen(ownerLevel);
      }
    return { leave: () => this.#readers.delete(reader) };
  }

  list(): EventReader[] {
    return [...this.#readers];
  }

  #besides({ consumerGroup, partitionId }: EventReader): EventReader[] {
    return [...this.#readers].filter(
      (each) =>
        each.partitionId === partitionId &&
        each.consumerGroup.toLowerCase() === consumerGroup.toLowerCase(),
    );
  }
}
