import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { listenOnLoopback } from '../../loopback/listen.ts';
import type { HeadOptions } from '../head-options.ts';
import { handleRequest } from './request-handler.ts';

/** False: the request is not its own. */
type RequestListener = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface HttpsHead {
  readonly port: number;
  /** From now on, the listener sees every request first; those it does not take are the hub's. */
  onRequest(listener: RequestListener): void;
  /** From now on, connections that ask for another protocol are the listener's. */
  onUpgrade(listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void;
  /** Cuts every connection without a word. */
  dropConnections(): void;
  stop(): Promise<void>;
}

/** Longer than clients keep a connection idle: else they may send on one that is being closed. */
const KEEP_ALIVE_MS = 120_000;
/** For a headful of tokens. */
const MAX_HEADER_BYTES = 32 * 1024;

/** The hub's REST interface. */
export async function startHttpsHead(options: HeadOptions): Promise<HttpsHead> {
  const sockets = new Set<Duplex>();
  const listeners: RequestListener[] = [];
  const { port, servers } = await listenOnLoopback(
    () => newServer(options, sockets, listeners),
    options.port,
    options.hosts,
  );
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    onRequest: (listener) => listeners.push(listener),
    onUpgrade(listener) {
      for (const server of servers) server.on('upgrade', listener);
    },
    dropConnections,
    async stop() {
      const closed = servers.map(
        (server) => new Promise<unknown>((resolve) => server.close(resolve)),
      );
      dropConnections();
      await Promise.all(closed);
    },
  };
}

function newServer(
  options: HeadOptions,
  sockets: Set<Duplex>,
  listeners: readonly RequestListener[],
): Server {
  const { key, cert } = options.tls;
  const server = createServer(
    { key, cert, keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: MAX_HEADER_BYTES },
    (request, response) => {
      if (listeners.some((listener) => listener(request, response))) return;
      void handleRequest(options, request, response);
    },
  );
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error, socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const detail = { error: error.message };
    options.log.record({ protocol: 'https', peer, event: 'TLS handshake failed', detail });
  });
  return server;
}
