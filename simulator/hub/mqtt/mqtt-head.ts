import type { Duplex } from 'node:stream';
import tls from 'node:tls';

import type { ConnectionInfo } from '../connection-info.ts';
import { listenForHead, peerOf, type HeadPeer } from '../head-listener.ts';
import { systemClock } from '../state/clock.ts';
import type { Clock } from '../state/clock.ts';
import { Deadlines } from '../state/deadlines.ts';
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
  readonly accept: (stream: Duplex, peer: HeadPeer) => void;
  /** Cuts every connection, as a failing network would. */
  dropConnections(): void;
  connections(): ConnectionInfo[];
  stop(): Promise<void>;
}

/** The MQTT 3.1.1 side of the simulated hub. */
export async function startMqttHead(options: MqttHeadOptions): Promise<MqttHead> {
  const { state, authenticator, faults, log } = options;
  const connections = new Set<MqttConnection>();
  const { wallClock = systemClock() } = options;
  const deadlines = new Deadlines(wallClock);
  const context: ConnectionContext = {
    state,
    authenticator,
    faults,
    log,
    // One timer for all connections.
    wallClock: {
      now: () => wallClock.now(),
      movingTo: () => wallClock.movingTo(),
      schedule: (at, run) => deadlines.schedule(at, run),
    },
    sessions: new Sessions(),
  };

  const stopWatching = state.registry.onRevoked((deviceId, reason) => {
    if (reason === 'deleted') context.sessions.forget(deviceId);
  });

  function accept(stream: Duplex, peer: HeadPeer): void {
    const connection = new MqttConnection(stream, peer, context);
    connections.add(connection);
    stream.once('close', () => connections.delete(connection));
  }

  const listener = await listenForHead(options, 'mqtt', (tlsOptions) =>
    tls.createServer(tlsOptions, (socket) => {
      socket.setNoDelay(true);
      accept(socket, peerOf(socket));
    }),
  );

  function dropConnections(): void {
    for (const connection of connections) connection.drop();
    listener.cutSockets();
  }

  async function stop(): Promise<void> {
    stopWatching();
    dropConnections();
    await listener.stop();
    deadlines.stop();
  }

  return {
    port: listener.port,
    accept,
    dropConnections,
    connections: () => [...connections].map((connection) => connection.describe()),
    stop,
  };
}
