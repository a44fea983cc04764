import type { Message } from 'rhea';
import type { ClientCertificate } from '../auth/client-certificate.ts';
import type { Credential } from '../auth/credential.ts';
import type { FaultyConnection } from '../faults/work-under-fault.ts';
import type { Payloads } from '../wire-log.ts';
import type { LogDetail } from './log-detail.ts';
import type { AmqpError } from './amqp-error.ts';
import type { Claims } from './claims.ts';
import type { RheaDelivery, RheaReceiver, RheaSender } from './rhea-internals.ts';

/** The connection, as the handlers of its links see it. */
export interface Peer extends FaultyConnection {
  readonly claims: Claims;
  /** Undefined if it showed none. */
  readonly clientCertificate: () => ClientCertificate | undefined;
  /** `payloads` is asked for them if the log keeps them. */
  log(event: string, detail?: LogDetail, payloads?: () => Payloads): void;
  /** Runs when what rhea is about to write is written, unless the connection is over by then. */
  soon(run: () => void): void;
  /** Ends the connection without a Close frame. */
  hangUp(): void;
  /** Of the hub's role, or of both; upper and lower case are one. */
  detachLinks(addressSuffix: string, error: AmqpError, role?: LinkRoute['role']): void;
  /** What was written and has not left yet. Handlers are told by `onDrain` when all of it has. */
  unreadBytes(): number;
}

/** What a handler has of its link. */
export interface LinkContext {
  readonly peer: Peer;
  /** The address matched against the route's pattern. */
  readonly match: RegExpExecArray;
  /** The handler's `close` is called first. */
  detach(error: AmqpError): void;
  /** Ends the session that the link is in. */
  endSession(error: AmqpError): void;
}

export type Outcome = 'accepted' | 'rejected' | 'released' | 'modified' | 'none';

/** Serves one link to which the other side sends. */
export interface ReceivingHandler {
  /** `message` is what rhea decoded, or bytes of a format it does not know. */
  onMessage(message: Message | Buffer, delivery: RheaDelivery): void;
  /** The link is gone, for whatever reason. */
  close(): void;
}

/** Serves one link on which the hub sends. */
export interface SendingHandler {
  /** The other side gave credit, or wants its credit used up now. */
  onFlow(): void;
  onDrain?(): void;
  /** The other side settled; `none` if it named no outcome. */
  onOutcome(delivery: RheaDelivery, outcome: Outcome): void;
  close(): void;
}

interface RouteBase {
  readonly address: RegExp;
  /** Throws the HubError for which a credential does not admit to the link; a route without it is open to all. */
  readonly authorize?: (credential: Credential, match: RegExpExecArray) => void;
}

export interface ReceivingRoute extends RouteBase {
  readonly role: 'receiver';
  readonly credit: number;
  open(receiver: RheaReceiver, context: LinkContext): ReceivingHandler;
}

export interface SendingRoute extends RouteBase {
  readonly role: 'sender';
  /** If the other side asks for it, deliveries go out settled, and nobody hears of an outcome. */
  readonly maySendSettled?: true;
  open(sender: RheaSender, context: LinkContext): SendingHandler;
}

/** `role` is the hub's. */
export type LinkRoute = ReceivingRoute | SendingRoute;
