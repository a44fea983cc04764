import { randomUUID } from 'node:crypto';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { ConnectionInfo } from '../connection-info.ts';
import { listenForHead, peerOf, type HeadListener, type HeadPeer } from '../head-listener.ts';
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
  /** Where to listen without TLS; nowhere unless given. */
  readonly plainPort?: number;
}

export interface AmqpHead {
  readonly port: number;
  readonly plainPort?: number;
  /** Serves a connection that came another way, such as a WebSocket. */
  readonly accept: (stream: Duplex, peer: HeadPeer) => void;
  /** Cuts every connection, as a failing network would. */
  dropConnections(): void;
  connections(): ConnectionInfo[];
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
    containerId: `DeviceGateway_${randomUUID()}`,
    routes: linkRoutes(hub, feedback, devices),
  };
  const connections = new Set<AmqpConnection>();

  function accept(stream: Duplex, peer: HeadPeer): void {
    const connection = new AmqpConnection(stream, peer, context, () =>
      connections.delete(connection),
    );
    connections.add(connection);
  }

  function welcome(socket: net.Socket): void {
    socket.setNoDelay(true);
    accept(socket, peerOf(socket));
  }

  const listener = await listenForHead(options, 'amqp', (tlsOptions) =>
    tls.createServer(tlsOptions, welcome),
  );
  const plainListener = await listenPlainly(options, welcome).catch(async (error: unknown) => {
    await listener.stop();
    throw error;
  });

  function dropConnections(): void {
    for (const connection of connections) connection.drop();
    listener.cutSockets();
    plainListener?.cutSockets();
  }

  return {
    port: listener.port,
    ...(plainListener && { plainPort: plainListener.port }),
    accept,
    dropConnections,
    connections: () => [...connections].map((connection) => connection.describe()),
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
      await Promise.all([listener.stop(), plainListener?.stop()]);
      feedback.stop();
      context.deadlines.stop();
    },
  };
}

async function listenPlainly(
  options: AmqpHeadOptions,
  welcome: (socket: net.Socket) => void,
): Promise<HeadListener<net.Server> | undefined> {
  if (options.plainPort === undefined) return undefined;
  const plain = { ...options, port: options.plainPort };
  return listenForHead(plain, 'amqp', () => net.createServer(welcome));
}
