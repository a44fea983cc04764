import rhea from 'rhea';
import type { Message } from 'rhea';
import type { FeedbackDelivery } from '../state/feedback-queue.ts';
import { HubError } from '../state/hub-error.ts';
import { CreditedSender, tagOf } from './credited-sender.ts';
import type { FeedbackConsumer, FeedbackDispatcher } from './feedback-dispatcher.ts';
import type { HubContext } from './hub-context.ts';
import type { Outcome, Peer, SendingHandler, SendingRoute } from './link-route.ts';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';

const CONTENT_TYPE = 'application/vnd.microsoft.iothub.feedback.json';

/** Where a back end reads what became of its messages. */
export function feedbackMessages(hub: HubContext, dispatcher: FeedbackDispatcher): SendingRoute {
  return {
    role: 'sender',
    address: /^\/messages\/servicebound\/feedback$/i,
    authorize(token) {
      hub.authenticator.service(token, 'cloudToDeviceMessages/feedback/action', [
        'messages',
        'servicebound',
        'feedback',
      ]);
    },
    open: (sender, { peer }) => new FeedbackMessages(hub, dispatcher, sender, peer),
  };
}

class FeedbackMessages implements SendingHandler, FeedbackConsumer {
  readonly #hub: HubContext;
  readonly #dispatcher: FeedbackDispatcher;
  readonly #peer: Peer;
  readonly #outgoing: CreditedSender;
  readonly #lockTokens = new Map<RheaDelivery, string>();

  constructor(hub: HubContext, dispatcher: FeedbackDispatcher, sender: RheaSender, peer: Peer) {
    this.#hub = hub;
    this.#dispatcher = dispatcher;
    this.#peer = peer;
    this.#outgoing = new CreditedSender(sender);
    this.onFlow();
  }

  onFlow(): void {
    this.#dispatcher.add(this);
    this.#outgoing.drain();
  }

  canReceive(): boolean {
    return this.#outgoing.canSend();
  }

  receive(batch: FeedbackDelivery): void {
    const delivery = this.#outgoing.send(this.#toMessage(batch), tagOf(batch.lockToken));
    this.#lockTokens.set(delivery, batch.lockToken);
    const detail = { content: 'feedback', records: batch.records.length };
    this.#peer.log('transfer', detail, () => ({
      sent: Buffer.from(JSON.stringify(batch.records)),
    }));
  }

  onOutcome(delivery: RheaDelivery, outcome: Outcome): void {
    const lockToken = this.#lockTokens.get(delivery);
    if (lockToken === undefined) return;
    this.#lockTokens.delete(delivery);
    this.#outgoing.settle(delivery);
    const isLockLost = !this.#settle(lockToken, outcome);
    this.#peer.log('disposition', { content: 'feedback', outcome, isLockLost });
  }

  close(): void {
    this.#dispatcher.remove(this);
    this.#outgoing.close();
    for (const lockToken of this.#lockTokens.values()) this.#hub.state.feedback.release(lockToken);
    this.#lockTokens.clear();
  }

  #settle(lockToken: string, outcome: Outcome): boolean {
    const { feedback } = this.#hub.state;
    try {
      switch (outcome) {
        // A batch that is rejected goes where nobody can read it.
        case 'accepted':
        case 'rejected':
          feedback.complete(lockToken);
          break;
        case 'released':
        case 'modified':
          feedback.abandon(lockToken);
          break;
        case 'none':
          feedback.release(lockToken);
      }
      return true;
    } catch (error) {
      // The consumer was too slow, and AMQP has no way to tell it.
      if (error instanceof HubError && error.kind === 'deviceMessageLockLost') return false;
      throw error;
    }
  }

  #toMessage({ records, enqueuedAt, deliveryCount }: FeedbackDelivery): Message {
    const [hubName = ''] = this.#hub.state.hostName.split('.');
    return {
      delivery_count: deliveryCount,
      message_annotations: { 'iothub-enqueuedtime': rhea.types.wrap_timestamp(enqueuedAt) },
      user_id: hubName,
      content_type: CONTENT_TYPE,
      body: rhea.message.data_section(Buffer.from(JSON.stringify(records))),
    };
  }
}
