import type { SubscriptionKind } from './topics.ts';

export interface Subscription {
  readonly qos: 0 | 1;
  readonly deviceSegment: string;
}

const LAST_PACKET_IDENTIFIER = 65_535;

/** What MQTT keeps of a device between two of its connections. §4.1 */
export class Session {
  readonly subscriptions = new Map<SubscriptionKind, Subscription>();
  /** Packet identifier by sequence number of a message that was sent and not acknowledged yet. */
  readonly #unacknowledged = new Map<number, number>();
  readonly #identifiersInUse = new Set<number>();
  #lastIdentifier = 0;

  /** The same identifier again when the message was sent before. [MQTT-4.4.0-1] */
  identifierFor(sequenceNumber: number): { identifier: number; isDuplicate: boolean } {
    const earlier = this.#unacknowledged.get(sequenceNumber);
    if (earlier !== undefined) {
      return { identifier: earlier, isDuplicate: true };
    }
    const identifier = this.#nextIdentifier();
    this.#unacknowledged.set(sequenceNumber, identifier);
    this.#identifiersInUse.add(identifier);
    return { identifier, isDuplicate: false };
  }

  acknowledged(sequenceNumber: number): void {
    const identifier = this.#unacknowledged.get(sequenceNumber);
    if (identifier !== undefined) {
      this.#unacknowledged.delete(sequenceNumber);
      this.#identifiersInUse.delete(identifier);
    }
  }

  /** Messages that met their end in another way are never sent again. */
  forget(isGone: (sequenceNumber: number) => boolean): void {
    for (const sequenceNumber of this.#unacknowledged.keys()) {
      if (isGone(sequenceNumber)) {
        this.acknowledged(sequenceNumber);
      }
    }
  }

  #nextIdentifier(): number {
    do {
      this.#lastIdentifier = (this.#lastIdentifier % LAST_PACKET_IDENTIFIER) + 1;
    } while (this.#identifiersInUse.has(this.#lastIdentifier)); // [MQTT-2.3.1-4]
    return this.#lastIdentifier;
  }
}

/** The sessions that outlive their connections, by device id; at most one each. */
// The real hub keeps them for good; here they live as long as the process.
export class Sessions {
  readonly #kept = new Map<string, Session>();

  /** §3.1.2.4 */
  open(deviceId: string, clean: boolean): { session: Session; isPresent: boolean } {
    const kept = clean ? undefined : this.#kept.get(deviceId);
    const session = kept ?? new Session();
    if (clean) {
      this.#kept.delete(deviceId); // [MQTT-3.1.2-6]
    } else {
      this.#kept.set(deviceId, session);
    }
    return { session, isPresent: kept !== undefined };
  }

  forget(deviceId: string): void {
    this.#kept.delete(deviceId);
  }
}
