import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InvocationInput, InvocationResponse } from '../core-module/core-types.ts';
import type { RegisteredFunction } from '../core-module/function-app.ts';
import type { FunctionDefinition } from '../function-definition.ts';
import { describeError } from '../host-error.ts';
import type { HostLog } from '../host-log.ts';
import { answerAdmin, type Admin } from './admin-routes.ts';
import type { AppServiceAuthentication, PrincipalHeaders } from './app-service-authentication.ts';
import { decodePath } from './decode-path.ts';
import { readKey, type FunctionKeys } from './function-keys.ts';
import type { HttpTrigger } from './http-trigger.ts';
import { isLoopbackHostHeader } from './loopback-host.ts';
import { BodyTooLargeError, readBody } from './read-body.ts';
import { RouteTable } from './route-table.ts';
import { toHttpData } from './to-http-data.ts';
import { readTraceContext } from './trace-context.ts';
import { writeEmpty, writeInvocationResponse, writeText } from './write-response.ts';

type HttpFunction = FunctionDefinition<HttpTrigger>;

export interface HttpFrontOptions {
  readonly keys: FunctionKeys;
  /** Whether all addresses listened on are this machine's own. */
  readonly isLoopbackOnly: boolean;
  readonly log: HostLog;
  /** Checks who calls before any function does. */
  readonly authentication?: AppServiceAuthentication | undefined;
}

export interface OpenApp {
  readonly functions: readonly HttpFunction[];
  readonly admin: Admin;
  /** Rejects when the function failed, which was logged already. */
  readonly run: (
    registered: RegisteredFunction,
    input: InvocationInput,
  ) => Promise<InvocationResponse>;
}

// A client that goes on sending a body that is too large has this long to read the answer.
const DISCARD_MS = 5_000;

/** Answers HTTP requests: 503 until the app is open, then what its functions say. */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #pending = new Set<ServerResponse>();
  #app: (OpenApp & { routes: RouteTable<HttpFunction> }) | undefined;
  #isClosing = false;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
  }

  open(app: OpenApp): void {
    this.#app = { ...app, routes: new RouteTable(app.functions) };
  }

  /** From now on each answer is the last of its connection. */
  close(): void {
    this.#isClosing = true;
    for (const response of this.#pending) response.shouldKeepAlive = false;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#pending.add(response);
    response.once('close', () => this.#pending.delete(response));
    if (this.#isClosing) response.shouldKeepAlive = false;
    this.#answer(request, response).catch((error: unknown) => {
      this.#answerFailure(request, response, error);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { isLoopbackOnly, keys } = this.#options;
    const { method = '' } = request;
    if (isLoopbackOnly && !isLoopbackHostHeader(request.headers.host)) {
      writeText(response, 421, 'This host answers on this machine only: call it as localhost.');
      return;
    }
    const url = readUrl(request);
    if (url === undefined) {
      writeEmpty(response, 400);
      return;
    }
    if (this.#app === undefined) {
      writeText(response, 503, 'The app is starting.');
      return;
    }
    const key = readKey(request, url);
    const path = decodePath(url.pathname);
    if (path[0]?.toLowerCase() === 'admin') {
      if (!keys.permits('admin', key)) writeEmpty(response, 401);
      else await answerAdmin(request, response, path, this.#app.admin);
      return;
    }
    const principal = await this.#principalOf(request, url);
    if (principal === undefined) {
      response.setHeader('www-authenticate', 'Bearer');
      writeEmpty(response, 401);
      return;
    }
    const routed = this.#app.routes.find(method, path);
    if (routed === undefined) {
      writeEmpty(response, 404);
      return;
    }
    const { target, values } = routed;
    if (!keys.permits(target.trigger.authLevel, key)) {
      writeEmpty(response, 401);
      return;
    }
    if (target.isDisabled && !keys.permits('admin', key)) {
      writeEmpty(response, 404);
      return;
    }
    const http = toHttpData(request, url, values, await readBody(request), principal);
    const input = {
      inputData: [{ name: target.trigger.bindingName, data: { http } }],
      traceContext: readTraceContext(request.headers),
    };
    const result = await this.#app.run(target.registered, input).catch(() => undefined);
    if (result === undefined) writeEmpty(response, 500);
    else writeInvocationResponse(response, result);
  }

  /** Undefined: the caller is to be turned away. */
  async #principalOf(request: IncomingMessage, url: URL): Promise<PrincipalHeaders | undefined> {
    const { authentication } = this.#options;
    return authentication ? authentication.headersFor(request, url.pathname) : {};
  }

  #answerFailure(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) return;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    if (error instanceof BodyTooLargeError) {
      writeEmpty(response, 413);
      const timer = setTimeout(() => request.destroy(), DISCARD_MS).unref();
      request.once('close', () => clearTimeout(timer));
      return;
    }
    this.#options.log.write('error', 'host', `answered 500: ${describeError(error)}`);
    writeEmpty(response, 500);
  }
}

function readUrl({ url = '', headers }: IncomingMessage): URL | undefined {
  const target = url.startsWith('/') ? `http://${headers.host ?? ''}${url}` : url;
  return URL.canParse(target) ? new URL(target) : undefined;
}
