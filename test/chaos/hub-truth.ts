import type { JournalEvent, SimulatedHub } from '@downlink/simulator';

/** One copy of a message that the hub took, and how it ended. */
export interface Copy {
  readonly messageId: string;
  readonly deviceId: string;
  /** Its place among all that the hub took. */
  readonly place: number;
  /** By this process's own clock, which never jumps. */
  readonly takenAtMs: number;
  outcome?: CopyOutcome;
}

export type CopyOutcome = Extract<
  JournalEvent['type'],
  'completed' | 'rejected' | 'expired' | 'deliveryCountExceeded' | 'purged'
>;

const OUTCOMES: ReadonlySet<string> = new Set<CopyOutcome>([
  'completed',
  'rejected',
  'expired',
  'deliveryCountExceeded',
  'purged',
]);

/** What the hub itself saw happen, over all its restarts: the yardstick of every record. */
export class HubTruth {
  readonly #copies = new Map<string, Copy>();
  readonly #byMessage = new Map<string, Copy[]>();

  follow(hub: SimulatedHub): void {
    hub.state.journal.onEvent((event) => this.#add(event));
  }

  copiesOf(messageId: string): readonly Copy[] {
    return this.#byMessage.get(messageId) ?? [];
  }

  #add({ type, deviceId, sequenceNumber, messageId }: JournalEvent): void {
    const key = `${deviceId}/${sequenceNumber}`;
    if (type === 'enqueued') {
      if (messageId === undefined) return;
      const copy: Copy = {
        messageId,
        deviceId,
        place: this.#copies.size,
        takenAtMs: performance.now(),
      };
      this.#copies.set(key, copy);
      this.#byMessage.set(messageId, [...this.copiesOf(messageId), copy]);
      return;
    }
    const copy = this.#copies.get(key);
    if (copy && isOutcome(type)) copy.outcome = type;
  }
}

function isOutcome(type: string): type is CopyOutcome {
  return OUTCOMES.has(type);
}
