import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';

import { listenOnLoopback } from '../../loopback/listen.ts';
import { systemClock } from '../state/clock.ts';
import type { Clock } from '../state/clock.ts';
import type { HeadOptions } from '../head-options.ts';
import { MqttConnection } from './connection.ts';
import type { ConnectionContext } from './connection.ts';
import { Sessions } from './sessions.ts';

export interface MqttHeadOptions extends HeadOptions {
  /** Rules keep-alive, the wait for CONNECT and the end of tokens. */
  readonly wallClock?: Clock;
}

export interface MqttHead {
  readonly port: number;
  /** Serves a connection that came another way, such as a WebSocket. */
  readonly accept: (stream: Duplex, peer: string) => void;
  /** Cuts every connection, as a failing network would. */
  dropConnections(): void;
  stop(): Promise<void>;
}

/** The MQTT 3.1.1 side of the simulated hub. */
export async function startMqttHead(options: MqttHeadOptions): Promise<MqttHead> {
  const { state, authenticator, faults, log, tls: certificate } = options;
  const connections = new Set<MqttConnection>();
  /** Also those still shaking hands. */
  const sockets = new Set<Socket>();
  const context: ConnectionContext = {
    state,
    authenticator,
    faults,
    log,
    wallClock: options.wallClock ?? systemClock(),
    sessions: new Sessions(),
    devices: new Map(),
  };

  const stopWatching = state.registry.onRevoked((deviceId, reason) => {
    context.devices.get(deviceId)?.close(`the device was ${reason}`);
    if (reason === 'deleted') context.sessions.forget(deviceId);
  });

  function accept(stream: Duplex, peer: string): void {
    const connection = new MqttConnection(stream, peer, context);
    connections.add(connection);
    stream.once('close', () => connections.delete(connection));
  }

  function createServer(): tls.Server {
    const server = tls.createServer({ key: certificate.key, cert: certificate.cert }, (socket) => {
      socket.setNoDelay(true);
      accept(socket, peerOf(socket));
    });
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('tlsClientError', (error, socket) => {
      const detail = { reason: error.message };
      log.record({ protocol: 'mqtt', peer: peerOf(socket), event: 'TLS failed', detail });
    });
    return server;
  }

  const { port, servers } = await listenOnLoopback(createServer, options.port, options.hosts);

  function dropConnections(): void {
    for (const connection of connections) connection.drop();
    for (const socket of sockets) socket.destroy();
  }

  async function stop(): Promise<void> {
    stopWatching();
    const closed = servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    dropConnections();
    await Promise.all(closed);
  }

  return { port, accept, dropConnections, stop };
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
}
