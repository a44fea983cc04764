import type { Message } from 'rhea';
import { HubError } from '../state/hub-error.ts';
import { faultError, toAmqpError, type AmqpError } from './amqp-error.ts';
import type { Claim } from './claims.ts';
import type { HubContext } from './hub-context.ts';
import type {
  LinkContext,
  LinkRoute,
  Outcome,
  Peer,
  ReceivingHandler,
  SendingHandler,
} from './link-route.ts';
import { findRoute, normalizedAddress } from './link-routes.ts';
import { loggable } from './log-detail.ts';
import { answerHeldAttach, holdAttach } from './rhea-internals.ts';
import type {
  RheaDelivery,
  RheaLink,
  RheaReceiver,
  RheaSender,
  RheaSession,
} from './rhea-internals.ts';

interface AttachedLink {
  readonly address: string;
  readonly route: LinkRoute;
  readonly match: RegExpExecArray;
  readonly claim: Claim | undefined;
  /** Neither is set while a planned fault delays the answer. */
  receiving?: ReceivingHandler;
  sending?: SendingHandler;
}

/** The links of one connection: which are admitted, and who serves them. */
export class AttachedLinks {
  readonly #hub: HubContext;
  readonly #routes: readonly LinkRoute[];
  readonly #peer: Peer;
  readonly #links = new Map<RheaLink, AttachedLink>();
  #isClosed = false;

  constructor(hub: HubContext, routes: readonly LinkRoute[], peer: Peer) {
    this.#hub = hub;
    this.#routes = routes;
    this.#peer = peer;
  }

  onAttach(link: RheaLink): void {
    if (this.#isClosed) return;
    const role = link.is_receiver() ? 'receiver' : 'sender';
    const address = addressOf(role === 'receiver' ? link.target : link.source);
    this.#peer.log('attach', { address: loggable(address), role });
    const admitted = this.#admit(role, address ?? '');
    if ('condition' in admitted) {
      this.#refuse(link, admitted);
      return;
    }
    // Faults are planned for the links that work is done on, not for how a client gets to them.
    const effect = admitted.route.authorize ? this.#hub.faults.take('amqp-attach') : undefined;
    switch (effect?.kind) {
      case 'drop-connection':
        this.#peer.drop();
        return;
      case 'error':
        this.#refuse(link, faultError(effect));
        return;
      case 'no-answer':
      case 'accept-then-no-answer':
        holdAttach(link);
        return;
      case 'delay':
        holdAttach(link);
        this.#links.set(link, admitted);
        this.#peer.schedule(effect.ms, () => {
          if (this.#links.get(link) !== admitted) return;
          answerHeldAttach(link);
          this.#open(link, admitted);
        });
        return;
      case undefined:
        this.#links.set(link, admitted);
        this.#open(link, admitted);
    }
  }

  /** The other side detached it. */
  onDetach(link: RheaLink): void {
    const attached = this.#links.get(link);
    if (!attached) return;
    this.#peer.log('detach', { address: attached.address, by: 'client' });
    this.#forget(link, attached);
  }

  onSessionEnd(session: RheaSession): void {
    for (const [link, attached] of this.#links)
      if (link.session === session) this.#forget(link, attached);
  }

  onMessage(receiver: RheaReceiver, message: Message | Buffer, delivery: RheaDelivery): void {
    const attached = this.#links.get(receiver);
    if (!attached?.receiving) {
      // It was under way when the hub closed the link.
      delivery.settled = true;
      return;
    }
    this.#peer.log('transfer', { address: attached.address });
    attached.receiving.onMessage(message, delivery);
  }

  onFlow(sender: RheaSender): void {
    this.#links.get(sender)?.sending?.onFlow();
  }

  onOutcome(sender: RheaSender, delivery: RheaDelivery, outcome: Outcome): void {
    this.#links.get(sender)?.sending?.onOutcome(delivery, outcome);
  }

  /** A token was renewed or expired: whom it admitted, it or another must admit still. */
  onClaimChange(claim: Claim): void {
    for (const [link, { claim: admittedBy, route, match }] of this.#links) {
      if (admittedBy !== claim) continue;
      const admitted = this.#authorize(route, match);
      if (isError(admitted)) this.#detach(link, admitted);
    }
  }

  detachAll(addressSuffix: string, error: AmqpError): void {
    for (const [link, { address }] of this.#links)
      if (address.toLowerCase().endsWith(addressSuffix.toLowerCase())) this.#detach(link, error);
  }

  /** The connection is over: nothing is said any more. */
  close(): void {
    this.#isClosed = true;
    for (const [link, attached] of this.#links) this.#forget(link, attached);
  }

  #admit(role: LinkRoute['role'], address: string): AttachedLink | AmqpError {
    const normalized = normalizedAddress(address);
    const found = findRoute(this.#routes, role, normalized);
    if (!found) {
      // Whoever has shown no token learns nothing of what there is.
      if (this.#peer.claims.size === 0) return toAmqpError(new HubError('unauthorized'));
      const direction = role === 'receiver' ? 'sends to' : 'receives from';
      return toAmqpError(
        new HubError(
          'notFound',
          `There is no address that a client ${direction} like '${address}'`,
        ),
      );
    }
    const { route, match } = found;
    const claim = this.#authorize(route, match);
    return isError(claim) ? claim : { address: normalized, route, match, claim };
  }

  #authorize(route: LinkRoute, match: RegExpExecArray): Claim | AmqpError | undefined {
    const { authorize } = route;
    if (!authorize) return undefined;
    try {
      return this.#peer.claims.find((token) => authorize(token, match));
    } catch (error) {
      if (error instanceof HubError) return toAmqpError(error);
      throw error;
    }
  }

  #open(link: RheaLink, attached: AttachedLink): void {
    echoTermini(link);
    const { route, match } = attached;
    const context: LinkContext = {
      peer: this.#peer,
      match,
      detach: (error) => this.#detach(link, error),
    };
    if (route.role === 'sender' && !isReceiver(link)) attached.sending = route.open(link, context);
    if (route.role === 'receiver' && isReceiver(link)) {
      attached.receiving = route.open(link, context);
      link.set_credit_window(route.credit);
      link.add_credit(route.credit);
    }
  }

  /** AMQP 1.0 §2.6.3: an attach without source or target, and a detach that says why. */
  #refuse(link: RheaLink, error: AmqpError): void {
    this.#peer.log('detach', { by: 'hub', condition: error.condition });
    link.close(error);
  }

  #detach(link: RheaLink, error: AmqpError): void {
    const attached = this.#links.get(link);
    if (!attached) return;
    if (!attached.receiving && !attached.sending) answerHeldAttach(link);
    this.#forget(link, attached);
    this.#refuse(link, error);
  }

  #forget(link: RheaLink, { receiving, sending }: AttachedLink): void {
    this.#links.delete(link);
    receiving?.close();
    sending?.close();
  }
}

/** rhea answers with none of them. */
function echoTermini(link: RheaLink): void {
  const source = addressOf(link.source);
  const target = addressOf(link.target);
  if (link.is_sender() || source !== undefined) link.set_source(terminus(source));
  if (link.is_receiver() || target !== undefined) link.set_target(terminus(target));
}

function terminus(address: string | undefined): { address?: string } {
  return address === undefined ? {} : { address };
}

function addressOf(end: { readonly address?: unknown } | undefined): string | undefined {
  const address = end?.address;
  return typeof address === 'string' ? address : undefined;
}

function isReceiver(link: RheaLink): link is RheaReceiver {
  return link.is_receiver();
}

function isError(result: Claim | AmqpError | undefined): result is AmqpError {
  return result !== undefined && 'condition' in result;
}
