import https from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { hubTokens, type HubCredentials, type HubToken } from './hub-tokens.ts';
import { TimedOut } from './within.ts';

/** The version that the service SDK speaks. */
const API_VERSION = '2021-04-12';
const USER_AGENT = 'downlink';

/** One token serves for this part of the time for which the hub takes it. */
const TOKEN_REUSE = 1 / 12;

/**
 * An unused connection is given up before the hub may do so: a call that meets a dying connection is lost,
 * and nobody knows whether it was heard. Node's own servers wait 5 s, Azure's longer.
 */
const MAX_IDLE_MS = 4_000;

/** A page of 200 devices with their twins, 72 KB each, has less. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;

export interface HubRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Bounds the wait for the whole answer once the request is on its way; the default fits what the hub answers at once. */
  readonly timeoutMs?: number;
}

export interface HubResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** No answer came. */
export class HubRequestError extends Error {
  /** Whether the hub may have heard the request. */
  readonly sent: boolean;

  constructor(sent: boolean, cause: unknown) {
    super(sent ? 'The hub did not answer' : 'The request did not reach the hub', { cause });
    this.name = 'HubRequestError';
    this.sent = sent;
  }
}

/**
 * Requests to the hub's REST API over connections that are kept.
 *
 * The SDK's own client cannot be told to give up a call, keeps its sockets for itself, and garbles text that spans
 * two packets.
 */
export interface HubRest {
  /** The answer, whatever its status. Nothing is ever repeated. Rejects with HubRequestError. */
  request(request: HubRequest): Promise<HubResponse>;
  close(): void;
}

export function hubRest(options: {
  credentials: HubCredentials;
  now: () => number;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
}): HubRest {
  const { credentials, now, connectTimeoutMs, requestTimeoutMs } = options;
  const agent = new https.Agent({ keepAlive: true, timeout: MAX_IDLE_MS, noDelay: true });
  const authorization = reusableToken(credentials, now);

  return {
    async request({ method, path, headers, json, timeoutMs = requestTimeoutMs }) {
      const body = json === undefined ? undefined : JSON.stringify(json);
      const token = await authorization().catch((error: unknown) => {
        throw new HubRequestError(false, error);
      });
      return new Promise<HubResponse>((resolve, reject) => {
        let sent = false;
        const request = https.request({
          agent,
          host: credentials.hostName,
          method,
          path: `${path}?api-version=${API_VERSION}`,
          headers: {
            authorization: token,
            'user-agent': USER_AGENT,
            ...(body !== undefined && {
              'content-type': 'application/json; charset=utf-8',
              'content-length': Buffer.byteLength(body),
            }),
            ...headers,
          },
        });
        let timer = giveUpAfter(connectTimeoutMs, 'Connecting to the hub');

        function giveUpAfter(ms: number, what: string): NodeJS.Timeout {
          return setTimeout(() => request.destroy(new TimedOut(what, ms)), ms);
        }
        function onSent(): void {
          sent = true;
          clearTimeout(timer);
          timer = giveUpAfter(timeoutMs, `${method} to the hub`);
        }
        request.once('socket', (socket) => {
          if (request.reusedSocket) onSent();
          else socket.once('secureConnect', onSent);
        });
        request.once('error', (error) => reject(new HubRequestError(sent, error)));
        request.once('close', () => clearTimeout(timer));
        request.once('response', (response) => {
          readBody(response).then(
            (text) =>
              resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
            (error: unknown) => reject(new HubRequestError(true, error)),
          );
        });
        request.end(body);
      });
    },

    close() {
      agent.destroy();
    },
  };
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error(`An answer of over ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Whoever asks while a token is made waits for that one. */
function reusableToken(credentials: HubCredentials, now: () => number): () => Promise<string> {
  const tokens = hubTokens(credentials, now);
  let current: HubToken | undefined;
  let making: Promise<HubToken> | undefined;

  function isReusable({ madeAt, expiresAt }: HubToken): boolean {
    const age = now() - madeAt;
    // A clock that was set back must not keep a token alive.
    return age >= 0 && age <= (expiresAt - madeAt) * TOKEN_REUSE;
  }

  return async () => {
    if (current && isReusable(current)) return current.value;
    making ??= tokens.make().finally(() => {
      making = undefined;
    });
    current = await making;
    return current.value;
  };
}
