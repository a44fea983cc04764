import type { Message } from 'rhea';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';

const SETTLED = 1;

/** A link on which the hub sends: never more than the other side has given credit for. */
export class CreditedSender {
  readonly #sender: RheaSender;
  readonly #unsettled = new Set<RheaDelivery>();
  /** Handed to rhea, which transfers them and counts their credit at the end of the turn. */
  #unsent: RheaDelivery[] = [];

  constructor(sender: RheaSender) {
    this.#sender = sender;
  }

  /** A message sent without credit would hold up every other link of the session. */
  canSend(): boolean {
    const { next_pending_delivery: nextToSend } = this.#sender.session.outgoing;
    this.#unsent = this.#unsent.filter(({ id }) => id >= nextToSend);
    return this.#sender.sendable() && this.#sender.credit > this.#unsent.length;
  }

  send(message: Message, tag?: Buffer): RheaDelivery {
    const delivery = this.#sender.send(message, tag);
    this.#unsent.push(delivery);
    if (!delivery.settled) this.#unsettled.add(delivery);
    return delivery;
  }

  /** AMQP 1.0 §2.8.2: without waiting for an outcome, if that is what the other side asked for when it attached. */
  sendForgotten(message: Message): void {
    const delivery = this.send(message);
    if (this.#sender.snd_settle_mode !== SETTLED) return;
    this.#unsettled.delete(delivery);
    delivery.settled = true;
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
    for (const delivery of [...this.#unsent, ...this.#unsettled]) this.forget(delivery);
    this.#unsent = [];
  }
}

/** The service's tag is its lock token, and some SDKs read it as the 16 bytes of a UUID. */
export function tagOf(lockToken: string): Buffer {
  return Buffer.from(lockToken.replaceAll('-', ''), 'hex');
}
