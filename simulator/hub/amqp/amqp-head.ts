import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import rhea from 'rhea';
import { listenForHead, peerOf, type HeadPeer } from '../head-listener.ts';
import type { HeadOptions } from '../head-options.ts';
import { systemClock, type Clock } from '../state/clock.ts';
import { Deadlines } from '../state/deadlines.ts';
import { AmqpConnection, type ConnectionContext } from './amqp-connection.ts';
import { boundDecoding } from './bounded-decoding.ts';
import { DeviceLinks } from './device-links.ts';
import { FeedbackDispatcher } from './feedback-dispatcher.ts';
import { linkRoutes } from './link-routes.ts';

export interface AmqpHeadOptions extends HeadOptions {
  /** Rules the end of tokens, the wait for them and planned delays. */
  readonly wallClock?: Clock;
}

export interface AmqpHead {
  readonly port: number;
  /** Serves a connection that came another way, such as a WebSocket. */
  readonly accept: (stream: Duplex, peer: HeadPeer) => void;
  /** Cuts every connection, as a failing network would. */
  dropConnections(): void;
  /** Sends each client a Close frame and keeps its socket, which brings the service SDK to a halt for 45 s. */
  closeConnections(error?: { condition: string; description?: string }): void;
  /** Detaches every link whose address ends like this; upper and lower case are one. */
  detachLinks(addressSuffix: string, condition: string): void;
  stop(): Promise<void>;
}

/** The AMQP 1.0 side of the simulated hub. */
export async function startAmqpHead(options: AmqpHeadOptions): Promise<AmqpHead> {
  boundDecoding();
  const { state, authenticator, faults, log } = options;
  const wallClock = options.wallClock ?? systemClock();
  const hub = { state, authenticator, faults };
  const feedback = new FeedbackDispatcher(state.feedback);
  const devices = new DeviceLinks(state);
  const context: ConnectionContext = {
    ...hub,
    log,
    wallClock,
    deadlines: new Deadlines(wallClock),
    container: newContainer(),
    routes: linkRoutes(hub, feedback, devices),
  };
  const connections = new Set<AmqpConnection>();

  function accept(stream: Duplex, peer: HeadPeer): void {
    const connection = new AmqpConnection(stream, peer, context, () =>
      connections.delete(connection),
    );
    connections.add(connection);
  }

  const listener = await listenForHead(options, 'amqp', (tlsOptions) =>
    tls.createServer(tlsOptions, (socket) => {
      socket.setNoDelay(true);
      accept(socket, peerOf(socket));
    }),
  );

  function dropConnections(): void {
    for (const connection of connections) connection.drop();
    listener.cutSockets();
  }

  return {
    port: listener.port,
    accept,
    dropConnections,
    closeConnections(error) {
      for (const connection of connections)
        connection.closeAndKeepSocket(error && { description: '', ...error });
    },
    detachLinks(addressSuffix, condition) {
      const error = { condition, description: 'Detached on request' };
      for (const connection of connections) connection.detachLinks(addressSuffix, error);
    },
    async stop() {
      dropConnections();
      await listener.stop();
      feedback.stop();
      context.deadlines.stop();
    },
  };
}

function newContainer(): ReturnType<typeof rhea.create_container> {
  const container = rhea.create_container({ id: `DeviceGateway_${randomUUID()}` });
  const mechanisms = container.sasl_server_mechanisms;
  mechanisms.enable_anonymous();
  // The C and Python SDKs ask for this one, which says that tokens come over $cbs.
  mechanisms.MSSBCBS = mechanisms.ANONYMOUS;
  return container;
}
