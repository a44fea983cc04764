import type { Message } from 'rhea';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';

/** A link on which the hub sends: never more than the other side has given credit for. */
export class CreditedSender {
  readonly #sender: RheaSender;
  readonly #unsettled = new Set<RheaDelivery>();
  /** Handed to rhea, which transfers them and counts their credit at the end of the turn. */
  #unsentIds: number[] = [];

  constructor(sender: RheaSender) {
    this.#sender = sender;
  }

  /** A message sent without credit would hold up every other link of the session. */
  canSend(): boolean {
    const { next_pending_delivery: nextToSend } = this.#sender.session.outgoing;
    this.#unsentIds = this.#unsentIds.filter((id) => id >= nextToSend);
    return this.#sender.sendable() && this.#sender.credit > this.#unsentIds.length;
  }

  send(message: Message, tag?: Buffer): RheaDelivery {
    const delivery = this.#sender.send(message, tag);
    this.#unsentIds.push(delivery.id);
    this.#unsettled.add(delivery);
    return delivery;
  }

  /** Call it with every outcome: rhea keeps a delivery until both sides have settled it. */
  settle(delivery: RheaDelivery): void {
    this.#unsettled.delete(delivery);
    // Told only to those who wait for it: AMQP 1.0 §2.6.12, exactly once.
    delivery.update(true, delivery.remote_state?.['described']?.());
    delivery.remote_settled = true;
  }

  /** AMQP 1.0 §2.6.7: nothing more to send, so the credit goes. */
  drain(): void {
    this.#sender.set_drained(true);
  }

  /** Nobody waits for its outcome any more. */
  forget(delivery: RheaDelivery): void {
    this.#unsettled.delete(delivery);
    delivery.settled = true;
    delivery.remote_settled = true;
  }

  close(): void {
    for (const delivery of this.#unsettled) this.forget(delivery);
  }
}

/** The service's tag is its lock token, and some SDKs read it as the 16 bytes of a UUID. */
export function tagOf(lockToken: string): Buffer {
  return Buffer.from(lockToken.replaceAll('-', ''), 'hex');
}
