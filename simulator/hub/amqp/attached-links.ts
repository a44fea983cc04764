import type { Message } from 'rhea';
import type { Credential } from '../auth/credential.ts';
import { whoIs } from '../auth/who-is.ts';
import type { LinkInfo } from '../connection-info.ts';
import type { FaultEffect } from '../faults/fault-effect.ts';
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
import { identityIn } from './device-address.ts';
import { receivedPayload, unsettledOn } from './link-info.ts';
import { findRoute, normalizedAddress } from './link-routes.ts';
import { loggable, type LogDetail } from './log-detail.ts';
import { agreeOnSettlement, answerHeldAttach, holdAttach } from './rhea-internals.ts';
import type {
  RheaDelivery,
  RheaLink,
  RheaReceiver,
  RheaSender,
  RheaSession,
} from './rhea-internals.ts';

const DEVICE = /^\/devices\/[^/]+(?:\/modules\/[^/]+)?/i;
/** No token's: those are names of resources. */
const CERTIFICATE_AUDIENCE = 'client certificate';

interface AttachedLink {
  readonly address: string;
  readonly route: LinkRoute;
  readonly match: RegExpExecArray;
  readonly claim: Claim | undefined;
  /** Whom the claim speaks for. */
  readonly identity: string | undefined;
  readonly attachedAt: number;
  /** One for all that comes on the link. */
  readonly transferDetail: LogDetail;
  /** By a planned fault the attach is not answered, or not yet. */
  isHeld: boolean;
  /** One of them is set when the attach has been answered. */
  receiving?: ReceivingHandler;
  sending?: SendingHandler;
}

/** The links of one connection: which are admitted, and who serves them. */
export class AttachedLinks {
  readonly #hub: HubContext;
  readonly #routes: readonly LinkRoute[];
  readonly #peer: Peer;
  readonly #links = new Map<RheaLink, AttachedLink>();
  /** Those whose connection is counted; kept while the hub has limits. */
  readonly #countedDevices = new Set<string>();
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
    const admitted = this.#admit(role, address ?? '');
    this.#peer.log('attach', { address: loggable(address), role, ...byOf(admitted) });
    if (admitted === 'cut off') {
      this.#peer.drop();
      return;
    }
    if ('condition' in admitted) {
      this.#refuse(link, admitted);
      return;
    }
    // Faults are planned for the links that work is done on, not for how a client gets to them.
    const effect = admitted.route.authorize ? this.#takeFault(admitted) : undefined;
    switch (effect?.kind) {
      case 'drop-connection':
      case 'accept-then-drop-connection':
        this.#peer.drop();
        return;
      case 'close-connection':
        this.#peer.closeWith(effect);
        return;
      case 'detach-link':
        this.#links.set(link, admitted);
        this.#serve(link, admitted);
        this.#peer.soon(() => this.#detach(link, faultError(effect, 'amqp:link:detach-forced')));
        return;
      case 'error':
        this.#refuse(link, faultError(effect));
        return;
      case 'no-answer':
      case 'accept-then-no-answer':
        this.#hold(link, admitted);
        return;
      case 'delay':
        this.#hold(link, admitted);
        this.#peer.schedule(effect.ms, () => {
          if (this.#links.get(link) !== admitted) return;
          this.#answer(link, admitted);
          this.#serve(link, admitted);
        });
        return;
      // Of feedback: not planned for links.
      case 'lose':
      case 'duplicate':
      case 'reorder':
      case undefined:
        this.#links.set(link, admitted);
        this.#serve(link, admitted);
    }
  }

  /** The other side detached it. */
  onDetach(link: RheaLink): void {
    const attached = this.#links.get(link);
    if (!attached) return;
    this.#peer.log('detach', { address: attached.address, by: 'client' });
    this.#answer(link, attached);
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
    // Whoever has no identity is on his way to one: what comes are tokens.
    const payloads = attached.identity === undefined ? undefined : () => receivedPayload(message);
    this.#peer.log('transfer', attached.transferDetail, payloads);
    attached.receiving.onMessage(message, delivery);
  }

  onFlow(sender: RheaSender): void {
    this.#links.get(sender)?.sending?.onFlow();
  }

  onDrain(): void {
    for (const { sending } of this.#links.values()) sending?.onDrain?.();
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

  detachAll(addressSuffix: string, error: AmqpError, role?: LinkRoute['role']): void {
    const suffix = addressSuffix.toLowerCase();
    for (const [link, { address, route }] of this.#links) {
      if (role !== undefined && route.role !== role) continue;
      if (address.toLowerCase().endsWith(suffix)) this.#detach(link, error);
    }
  }

  describe(): LinkInfo[] {
    return [...this.#links].map(([link, { address, route, identity, attachedAt }]) => ({
      address,
      role: route.role,
      identity,
      attachedAt,
      credit: link.credit,
      unsettled: unsettledOn(link),
    }));
  }

  /** The connection is over: nothing is said any more. */
  close(): void {
    this.#isClosed = true;
    for (const [link, attached] of this.#links) this.#forget(link, attached);
  }

  #admit(role: LinkRoute['role'], address: string): AttachedLink | AmqpError | 'cut off' {
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
    if (DEVICE.test(normalized)) {
      const identity = identityIn(match, this.#hub.state.registry);
      if (this.#hub.faults.requested.refusesConnections(identity)) return 'cut off';
    }
    const claim = this.#authorize(route, match);
    const throttled = isError(claim) ? undefined : this.#countConnection(normalized);
    if (throttled) return throttled;
    if (isError(claim)) return claim;
    const identity = claim && whoIs(claim.credential);
    return {
      address: normalized,
      route,
      match,
      claim,
      identity,
      transferDetail: { address: normalized, ...(identity !== undefined && { by: identity }) },
      attachedAt: Date.now(),
      isHeld: false,
    };
  }

  #authorize(route: LinkRoute, match: RegExpExecArray): Claim | AmqpError | undefined {
    const { authorize } = route;
    if (!authorize) return undefined;
    const { claims } = this.#peer;
    const admits = (credential: Credential): void => authorize(credential, match);
    try {
      const certificate = claims.size === 0 ? this.#peer.clientCertificate() : undefined;
      if (!certificate) return claims.find(admits);
      admits(certificate);
      return claims.put(CERTIFICATE_AUDIENCE, certificate, certificate.expiresAt);
    } catch (error) {
      if (error instanceof HubError) return toAmqpError(error);
      throw error;
    }
  }

  /** A device connects with its first link. */
  #countConnection(address: string): AmqpError | undefined {
    const { throttles } = this.#hub.state;
    const device = throttles.isOn ? DEVICE.exec(address)?.[0].toLowerCase() : undefined;
    if (device === undefined || this.#countedDevices.has(device)) return undefined;
    if (!throttles.allows('newConnections')) return toAmqpError(new HubError('throttled'));
    this.#countedDevices.add(device);
    return undefined;
  }

  #takeFault({ address, match }: AttachedLink): FaultEffect | undefined {
    const { faults, state } = this.#hub;
    const identity = DEVICE.test(address) ? identityIn(match, state.registry) : undefined;
    return faults.take('amqp-attach', identity);
  }

  #hold(link: RheaLink, attached: AttachedLink): void {
    this.#links.set(link, attached);
    attached.isHeld = true;
    holdAttach(link);
  }

  #answer(link: RheaLink, attached: AttachedLink): void {
    if (!attached.isHeld) return;
    attached.isHeld = false;
    answerHeldAttach(link);
  }

  #serve(link: RheaLink, attached: AttachedLink): void {
    echoTermini(link);
    if (attached.route.role === 'sender' && attached.route.maySendSettled) agreeOnSettlement(link);
    // rhea writes messages before attaches: nothing may be sent before the attach is on its way.
    this.#peer.soon(() => {
      if (this.#links.get(link) === attached) this.#open(link, attached);
    });
  }

  #open(link: RheaLink, attached: AttachedLink): void {
    const { route, match } = attached;
    const context: LinkContext = {
      peer: this.#peer,
      match,
      detach: (error) => this.#detach(link, error),
      endSession: (error) => this.#endSession(link, error),
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
    this.#answer(link, attached);
    this.#forget(link, attached);
    this.#refuse(link, error);
  }

  #endSession(link: RheaLink, error: AmqpError): void {
    if (!this.#links.has(link)) return;
    this.#peer.log('end', { by: 'hub', condition: error.condition });
    this.onSessionEnd(link.session);
    link.session.close(error);
  }

  #forget(link: RheaLink, { receiving, sending }: AttachedLink): void {
    this.#links.delete(link);
    receiving?.close();
    sending?.close();
  }
}

/** rhea would answer with neither, as if it refused the link. */
function echoTermini(link: RheaLink): void {
  link.set_source(terminus(link.source));
  link.set_target(terminus(link.target));
}

function terminus(end: Parameters<typeof addressOf>[0]): { address?: string } {
  const address = addressOf(end);
  return address === undefined ? {} : { address };
}

function addressOf(end: { readonly address?: unknown } | undefined): string | undefined {
  const address = end?.address;
  return typeof address === 'string' ? address : undefined;
}

function byOf(attached: AttachedLink | AmqpError | 'cut off'): { by?: string } {
  if (typeof attached === 'string' || !('identity' in attached)) return {};
  return attached.identity === undefined ? {} : { by: attached.identity };
}

function isReceiver(link: RheaLink): link is RheaReceiver {
  return link.is_receiver();
}

function isError(result: Claim | AmqpError | undefined): result is AmqpError {
  return result !== undefined && 'condition' in result;
}
