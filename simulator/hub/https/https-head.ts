import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionInfo } from '../connection-info.ts';
import { listenForHead } from '../head-listener.ts';
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
  /** Nobody stays who he is beyond a request. */
  connections(): ConnectionInfo[];
  stop(): Promise<void>;
}

/** Longer than clients keep a connection idle: else they may send on one that is being closed. */
const KEEP_ALIVE_MS = 120_000;
/** For a headful of tokens. */
const MAX_HEADER_BYTES = 32 * 1024;

/** The hub's REST interface. */
export async function startHttpsHead(options: HeadOptions): Promise<HttpsHead> {
  const listeners: RequestListener[] = [];
  const listener = await listenForHead(options, 'https', (tlsOptions) =>
    createServer(
      { ...tlsOptions, keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: MAX_HEADER_BYTES },
      (request, response) => {
        request.url = originForm(request.url);
        request.method = methodMeant(request);
        if (listeners.some((takes) => takes(request, response))) return;
        void handleRequest(options, request, response);
      },
    ),
  );
  return {
    port: listener.port,
    onRequest: (first) => listeners.push(first),
    onUpgrade(upgrade) {
      for (const server of listener.servers) {
        server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
          request.url = originForm(request.url);
          upgrade(request, socket, head);
        });
      }
    },
    dropConnections: () => listener.cutSockets(),
    connections: () => listener.connections(),
    stop: async () => listener.stop(),
  };
}

/** RFC 9112 §3.2.2: the target may be a whole URL, and the Java SDK's is when it asks for WebSockets. */
function originForm(target = '/'): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '') || '/';
}

/** Java's HttpURLConnection knows no PATCH: its service SDK posts, and says so. */
function methodMeant({ method = 'GET', headers }: IncomingMessage): string {
  const override = String(headers['x-http-method-override'] ?? '').toUpperCase();
  return method === 'POST' && override === 'PATCH' ? override : method;
}
