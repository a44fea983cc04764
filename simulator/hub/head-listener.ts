import type { Server, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { listenOnLoopback } from '../loopback/listen.ts';
import { clientCertificateOf, type ClientCertificate } from './auth/client-certificate.ts';
import type { ConnectionInfo } from './connection-info.ts';
import type { HeadOptions } from './head-options.ts';
import type { WireLogEntry } from './wire-log.ts';

/** Who does not shake hands within this is not waited for. */
const TLS_HANDSHAKE_TIMEOUT_MS = 20_000;
/** OpenSSL keeps 8 KiB for each connection as long as it could be resumed; Node's own value is 5 minutes. */
const TLS_SESSION_SECONDS = 2;

export interface HeadListener<T extends Server> {
  readonly port: number;
  readonly servers: readonly T[];
  /** Cuts every socket without a word, also those that shake hands still or are on their way out. */
  cutSockets(): void;
  connections(): ConnectionInfo[];
  /** Takes no more connections, cuts those there are, and settles once all are gone. */
  stop(): Promise<void>;
}

/** What every protocol head does alike: listens, with the hub's certificate at hand, and keeps track of the sockets. */
export async function listenForHead<T extends Server>(
  { tls: { key, cert }, log, port: wantedPort, hosts }: HeadOptions,
  protocol: WireLogEntry['protocol'],
  newServer: (options: TlsOptions) => T,
): Promise<HeadListener<T>> {
  /** With the time of each. */
  const sockets = new Map<Socket, number>();

  function createServer(): T {
    const server = newServer({
      key,
      cert,
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      sessionTimeout: TLS_SESSION_SECONDS,
      // Devices may show a certificate; who they are by it is checked where they say who they are.
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.on('connection', (socket: Socket) => {
      sockets.set(socket, Date.now());
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      const detail = { reason: error.message };
      log.record({ protocol, peer: peerOf(socket).name, event: 'TLS failed', detail });
      // Node leaves who did not shake hands in time to us.
      socket.destroy();
    });
    return server;
  }

  const { port, servers } = await listenOnLoopback(createServer, wantedPort, hosts);

  function cutSockets(): void {
    for (const socket of sockets.keys()) socket.destroy();
  }

  return {
    port,
    servers,
    cutSockets,
    connections: () =>
      [...sockets].map(([socket, connectedAt]) => ({
        protocol,
        peer: peerOf(socket).name,
        connectedAt,
        identities: [],
        unreadBytes: socket.writableLength,
      })),
    async stop() {
      const closed = servers.map(
        (server) => new Promise<void>((resolve) => server.close(() => resolve())),
      );
      cutSockets();
      await Promise.all(closed);
    },
  };
}

/** The other side of a connection. */
export interface HeadPeer {
  /** For the log. */
  readonly name: string;
  /** Undefined if it showed none. */
  readonly clientCertificate: () => ClientCertificate | undefined;
}

export function peerOf(socket: Socket): HeadPeer {
  return {
    name: `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`,
    clientCertificate: () => clientCertificateOf(socket),
  };
}
