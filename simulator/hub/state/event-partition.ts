import { eventBytes, type DeviceEvent } from './device-event.ts';
import type { EventPosition } from './event-position.ts';
import { HubError } from './hub-error.ts';
import { MAX_SNAPSHOT_EVENT_BYTES, MAX_SNAPSHOT_EVENTS } from './limits.ts';

export interface PartitionProperties {
  readonly beginSequenceNumber: number;
  /** -1 before the first event. */
  readonly lastSequenceNumber: number;
  readonly lastOffset: number;
  readonly lastEnqueuedAt?: number;
  readonly isEmpty: boolean;
}

export interface PartitionSnapshot {
  readonly lastSequenceNumber: number;
  readonly lastOffset: number;
  readonly nextOffset: number;
  readonly lastEnqueuedAt?: number;
  /** Oldest first; bodies in base64. */
  readonly events: readonly (Omit<DeviceEvent, 'body'> & { readonly body: string })[];
}

export interface PartitionBounds {
  readonly events: number;
  readonly bytes: number;
}

type Unplaced = Omit<DeviceEvent, 'sequenceNumber' | 'offset'>;

/** What an event takes beside its contents, as Event Hubs counts offsets and as memory goes. */
const EVENT_OVERHEAD_BYTES = 64;
/** When as many places at the front are free, they are given up. */
const COMPACT_AT = 1_024;

/** An append-only log: events leave it by age, and when it grows over its bounds. */
export class EventPartition {
  readonly id: string;
  readonly #bounds: PartitionBounds;
  #events: DeviceEvent[] = [];
  #first = 0;
  #bytes = 0;
  #lastSequenceNumber = -1;
  #lastOffset = -1;
  #nextOffset = 0;
  #lastEnqueuedAt: number | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(id: string, bounds: PartitionBounds) {
    this.id = id;
    this.#bounds = bounds;
  }

  append(event: Unplaced): DeviceEvent {
    const placed: DeviceEvent = {
      ...event,
      sequenceNumber: this.#lastSequenceNumber + 1,
      offset: this.#nextOffset,
    };
    this.#push(placed);
    while (this.#count() > this.#bounds.events || this.#bytes > this.#bounds.bytes) this.#shift();
    for (const listener of this.#listeners) listener();
    return placed;
  }

  /** Forgets what was enqueued before. */
  dropBefore(time: number): void {
    for (
      let oldest = this.#events[this.#first];
      oldest && oldest.enqueuedAt < time;
      oldest = this.#events[this.#first]
    )
      this.#shift();
  }

  properties(): PartitionProperties {
    return {
      beginSequenceNumber:
        this.#events[this.#first]?.sequenceNumber ?? Math.max(this.#lastSequenceNumber, 0),
      lastSequenceNumber: this.#lastSequenceNumber,
      lastOffset: this.#lastOffset,
      ...(this.#lastEnqueuedAt !== undefined && { lastEnqueuedAt: this.#lastEnqueuedAt }),
      isEmpty: this.#count() === 0,
    };
  }

  /** The sequence number after which to read; throws `argumentInvalid` for a place that lies ahead. */
  resolve(position: EventPosition): number {
    if (position.kind === 'latest') return this.#lastSequenceNumber;
    const { kind, value, isInclusive } = position;
    const last = { offset: this.#lastOffset, sequenceNumber: this.#lastSequenceNumber };
    if (kind !== 'enqueuedTime' && value > last[kind] + (isInclusive ? 1 : 0)) {
      throw new HubError(
        'argumentInvalid',
        `The supplied ${kind === 'offset' ? 'offset' : 'sequence number'} '${value}' is invalid. The last in the system is '${last[kind]}'`,
      );
    }
    const field = kind === 'enqueuedTime' ? 'enqueuedAt' : kind;
    const place = this.#find(
      (event) => event[field] > value || (isInclusive && event[field] === value),
    );
    const next = this.#events[place];
    return next ? next.sequenceNumber - 1 : this.#lastSequenceNumber;
  }

  /** The first event behind a sequence number. */
  after(sequenceNumber: number): DeviceEvent | undefined {
    const oldest = this.#events[this.#first];
    if (!oldest || sequenceNumber >= this.#lastSequenceNumber) return undefined;
    if (sequenceNumber < oldest.sequenceNumber) return oldest;
    return this.#events[this.#find((event) => event.sequenceNumber > sequenceNumber)];
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The numbers go on from where they are: readers remember them. */
  clear(): void {
    this.#events = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  /** Its newest events, as far as a file should hold them. */
  snapshot(): PartitionSnapshot {
    let bytes = 0;
    let from = this.#events.length;
    const least = Math.max(this.#first, this.#events.length - MAX_SNAPSHOT_EVENTS);
    for (let at = from - 1; at >= least; at--) {
      const event = this.#events[at];
      bytes += event ? retainedBytes(event) : 0;
      if (bytes > MAX_SNAPSHOT_EVENT_BYTES) break;
      from = at;
    }
    return {
      lastSequenceNumber: this.#lastSequenceNumber,
      lastOffset: this.#lastOffset,
      nextOffset: this.#nextOffset,
      ...(this.#lastEnqueuedAt !== undefined && { lastEnqueuedAt: this.#lastEnqueuedAt }),
      events: this.#events
        .slice(from)
        .map((event) => Object.assign({}, event, { body: event.body.toString('base64') })),
    };
  }

  restore(snapshot: PartitionSnapshot): void {
    this.clear();
    for (const event of snapshot.events)
      this.#push({ ...event, body: Buffer.from(event.body, 'base64') });
    this.#lastSequenceNumber = snapshot.lastSequenceNumber;
    this.#lastOffset = snapshot.lastOffset;
    this.#nextOffset = snapshot.nextOffset;
    this.#lastEnqueuedAt = snapshot.lastEnqueuedAt;
  }

  #push(event: DeviceEvent): void {
    const bytes = retainedBytes(event);
    this.#events.push(event);
    this.#bytes += bytes;
    this.#lastSequenceNumber = event.sequenceNumber;
    this.#lastOffset = event.offset;
    this.#nextOffset = event.offset + bytes;
    this.#lastEnqueuedAt = event.enqueuedAt;
  }

  #shift(): void {
    const oldest = this.#events[this.#first];
    if (!oldest) return;
    this.#bytes -= retainedBytes(oldest);
    this.#first++;
    if (this.#first < COMPACT_AT) return;
    this.#events.splice(0, this.#first);
    this.#first = 0;
  }

  #count(): number {
    return this.#events.length - this.#first;
  }

  /** The place of the first event for which it is true; it stays true for all behind it. */
  #find(isBehind: (event: DeviceEvent) => boolean): number {
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event && isBehind(event)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function retainedBytes(event: DeviceEvent): number {
  return eventBytes(event) + EVENT_OVERHEAD_BYTES;
}
