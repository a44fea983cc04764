import type { Duplex } from 'node:stream';
import type { ClientCertificate } from '../auth/client-certificate.ts';
import type { ErrorTexts } from '../faults/fault-effect.ts';
import type { HeadPeer } from '../head-listener.ts';
import type { Clock } from '../state/clock.ts';
import type { Deadlines } from '../state/deadlines.ts';
import { HubError } from '../state/hub-error.ts';
import type { ConnectionInfo } from '../connection-info.ts';
import type { Payloads, WireLog } from '../wire-log.ts';
import { faultError, toAmqpError, type AmqpError } from './amqp-error.ts';
import { AttachedLinks } from './attached-links.ts';
import { Claims } from './claims.ts';
import { FramedStream } from './framed-stream.ts';
import type { HubContext } from './hub-context.ts';
import {
  AUTHORISATION_DEADLINE_MS,
  CHANNEL_MAX,
  CLOSE_GRACE_MS,
  IDLE_TIME_OUT_MS,
  MAX_FRAME_BYTES,
  MAX_TRANSFER_BYTES,
} from './limits.ts';
import type { LinkRoute, Peer } from './link-route.ts';
import { loggable, type LogDetail } from './log-detail.ts';
import { checkPerformatives } from './performative-checks.ts';
import { ProtocolViolation } from './protocol-violation.ts';
import { verifyToken } from './put-token.ts';
import { endWithClose, newServerConnection, tellOutcomesApart } from './rhea-internals.ts';
import type { RheaConnection, RheaEvent, RheaLink } from './rhea-internals.ts';
import { saslMechanisms } from './sasl-mechanisms.ts';

export interface ConnectionContext extends HubContext {
  readonly log: WireLog;
  /** Rules tokens and time-outs; the hub's own clock may be moved by hours in a test. */
  readonly wallClock: Clock;
  /** On the wall clock. */
  readonly deadlines: Deadlines;
  readonly containerId: string;
  readonly routes: readonly LinkRoute[];
}

/** One connection, from its first byte to its end. */
export class AmqpConnection implements Peer {
  readonly claims: Claims;
  readonly clientCertificate: () => ClientCertificate | undefined;
  readonly #context: ConnectionContext;
  readonly #peerName: string;
  readonly #stream: FramedStream;
  readonly #rhea: RheaConnection;
  readonly #links: AttachedLinks;
  readonly #onOver: () => void;
  readonly #cancels = new Set<() => void>();
  #cancelDeadline = (): void => {};
  readonly #connectedAt = Date.now();
  #isOver = false;

  /** `onOver` is called once, when the connection has lost its other side. */
  constructor(stream: Duplex, peer: HeadPeer, context: ConnectionContext, onOver: () => void) {
    this.#context = context;
    this.#peerName = peer.name;
    this.clientCertificate = peer.clientCertificate;
    this.#onOver = onOver;
    this.claims = new Claims(context.deadlines, (claim, change) => {
      if (change === 'expired') this.log('token expired', { audience: loggable(claim.audience) });
      this.#links.onClaimChange(claim);
      this.#watchAuthorisation();
    });
    this.#links = new AttachedLinks(context, context.routes, this);
    this.#stream = new FramedStream(stream, {
      onEnd: (error) => this.#over(error),
      onFramingError: (error) => this.#violated(error),
      onDrain: () => this.#guard(() => this.#links.onDrain()),
    });
    this.#rhea = this.#newRheaConnection();
    this.log('connect');
    this.#watchAuthorisation();
    this.#rhea.accept(this.#stream);
  }

  log(event: string, detail: LogDetail = {}, payloads?: () => Payloads): void {
    this.#context.log.record({ protocol: 'amqp', peer: this.#peerName, event, detail }, payloads);
  }

  describe(): ConnectionInfo {
    return {
      protocol: 'amqp',
      peer: this.#peerName,
      connectedAt: this.#connectedAt,
      identities: this.claims.identities(),
      unreadBytes: this.unreadBytes(),
      links: this.#links.describe(),
    };
  }

  schedule(delayMs: number, run: () => void): void {
    const { deadlines, wallClock } = this.#context;
    const cancel = deadlines.schedule(wallClock.now() + delayMs, () => {
      this.#cancels.delete(cancel);
      this.#guard(run);
    });
    this.#cancels.add(cancel);
  }

  soon(run: () => void): void {
    // rhea asked for its own turn before.
    process.nextTick(() => {
      if (!this.#isOver) this.#guard(run);
    });
  }

  drop(): void {
    this.#stream.destroy();
  }

  unreadBytes(): number {
    return this.#stream.unreadBytes();
  }

  /** Sends a Close frame and leaves it to the client to end the connection: this is what the service does. */
  closeAndKeepSocket(error: AmqpError | undefined): void {
    this.#stream.holdOpen();
    this.#sendClose(error);
  }

  closeWith(error: ErrorTexts): void {
    this.#close(faultError(error, 'amqp:connection:forced'));
  }

  hangUp(): void {
    this.#links.close();
    this.#stream.end();
  }

  detachLinks(addressSuffix: string, error: AmqpError, role?: LinkRoute['role']): void {
    this.#links.detachAll(addressSuffix, error, role);
  }

  #newRheaConnection(): RheaConnection {
    const mechanisms = saslMechanisms((token) => this.#putPlainToken(token));
    const connection = newServerConnection(mechanisms, {
      container_id: this.#context.containerId,
      max_frame_size: MAX_FRAME_BYTES,
      channel_max: CHANNEL_MAX,
      idle_time_out: IDLE_TIME_OUT_MS,
      reconnect: false,
      receiver_options: {
        autoaccept: false,
        // A link that is refused must not be given credit.
        credit_window: 0,
        max_message_size: MAX_TRANSFER_BYTES,
      },
    });
    const { input } = connection;
    connection.input = (bytes) => {
      input.call(connection, bytes);
      // rhea would wait for more of what it cannot read, for ever.
      if (connection.frame_size !== undefined || connection.previous_input)
        this.#violated(
          new ProtocolViolation('amqp:connection:framing-error', 'Bytes out of place'),
        );
    };
    checkPerformatives(connection);
    endWithClose(connection);
    this.#listen(connection);
    return connection;
  }

  /** The token that came as a password. */
  #putPlainToken(token: string): boolean {
    try {
      this.claims.put('SASL', token, verifyToken(this.#context.authenticator, token));
      return true;
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      this.log('SASL refused', { error: error.errorName });
      // Behind the outcome, which rhea is about to write.
      this.#stream.end();
      return false;
    }
  }

  #listen(connection: RheaConnection): void {
    const on = (event: string, run: (event: RheaEvent) => void): void => {
      connection.on(event, (context: RheaEvent) => {
        try {
          run(context);
        } catch (error) {
          this.#crashed(error);
        }
      });
    };
    on('connection_open', () => {
      const { container_id: container, hostname } = connection;
      this.log('open', { container: loggable(container), hostname: loggable(hostname) });
    });
    on('connection_close', () => {
      this.log('close', { by: 'client' });
      this.#links.close();
    });
    on('session_open', ({ session }) => tellOutcomesApart(session));
    on('session_close', ({ session }) => this.#links.onSessionEnd(session));
    for (const event of ['sender_open', 'receiver_open'])
      on(event, ({ sender, receiver }) => this.#links.onAttach(linkOf(sender, receiver)));
    for (const event of ['sender_close', 'receiver_close'])
      on(event, ({ sender, receiver }) => this.#links.onDetach(linkOf(sender, receiver)));
    on('message', ({ receiver, message, delivery }) => {
      if (receiver && message && delivery) this.#links.onMessage(receiver, message, delivery);
    });
    // `sendable` also tells of room in a session that was full.
    for (const event of ['sender_flow', 'sendable'])
      on(event, ({ sender }) => {
        if (sender) this.#links.onFlow(sender);
      });
    for (const outcome of ['accepted', 'rejected', 'released', 'modified'] as const)
      on(outcome, ({ sender, delivery }) => {
        if (sender && delivery) this.#links.onOutcome(sender, delivery, outcome);
      });
    // Follows the outcome, if there was one.
    on('settled', ({ sender, delivery }) => {
      if (sender && delivery) this.#links.onOutcome(sender, delivery, 'none');
    });
    for (const event of ['protocol_error', 'error'] as const)
      connection.on(event, (error: unknown) => this.#violated(error));
    // Each is told in another way as well; rhea throws or prints what nobody listens to.
    for (const event of [
      'connection_error',
      'session_error',
      'sender_error',
      'receiver_error',
      'disconnected',
    ])
      on(event, () => {});
  }

  /** Whoever has no valid token must bring one in time. */
  #watchAuthorisation(): void {
    this.#cancelDeadline();
    if (this.claims.size > 0 || this.#isOver) return;
    const { deadlines, wallClock } = this.#context;
    this.#cancelDeadline = deadlines.schedule(wallClock.now() + AUTHORISATION_DEADLINE_MS, () =>
      this.#close(
        toAmqpError(
          new HubError(
            'unauthorized',
            `No valid token was put within ${AUTHORISATION_DEADLINE_MS / 1000} s`,
          ),
        ),
      ),
    );
  }

  /** The other side sent what nobody can make sense of. */
  #violated(error: unknown): void {
    const condition =
      error instanceof ProtocolViolation ? error.condition : 'amqp:connection:framing-error';
    const description = error instanceof Error ? error.message : String(error);
    this.#close({ condition, description: loggable(description) });
    this.#stream.end();
  }

  /** The hub itself is at fault. */
  #crashed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.log('internal error', { reason: loggable(reason) });
    this.#close(toAmqpError(new HubError('serverError')));
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#crashed(error);
    }
  }

  #close(error: AmqpError): void {
    if (this.#isOver) return;
    const isOpen = this.#rhea.is_open();
    this.#sendClose(error);
    if (isOpen) this.#stream.destroyWithin(CLOSE_GRACE_MS);
    else this.#stream.end();
  }

  #sendClose(error: AmqpError | undefined): void {
    const { condition, description } = error ?? {};
    this.log('close', {
      by: 'hub',
      ...(condition !== undefined && { condition }),
      ...(description !== undefined && { description }),
    });
    this.#links.close();
    this.#rhea.close(error);
  }

  #over(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.log('disconnected', error ? { reason: loggable(error.message) } : {});
    this.#cancelDeadline();
    for (const cancel of this.#cancels) cancel();
    this.#links.close();
    this.claims.clear();
    // rhea would go on writing and set timers for it.
    this.#rhea.socket_ready = false;
    this.#onOver();
  }
}

function linkOf(sender: RheaLink | undefined, receiver: RheaLink | undefined): RheaLink {
  const link = sender ?? receiver;
  if (link) return link;
  throw new Error('rhea told of a link and did not say which');
}
