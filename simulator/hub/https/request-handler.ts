import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { clientCertificateOf } from '../auth/client-certificate.ts';
import { whoIs } from '../auth/who-is.ts';
import type { ErrorEffect, FaultEffect } from '../faults/fault-effect.ts';
import type { HeadOptions } from '../head-options.ts';
import { HubError } from '../state/hub-error.ts';
import { identityKey } from '../state/identity-key.ts';
import { errorAnswer, type WireError } from './error-answer.ts';
import { readBody } from './read-body.ts';
import { findRoute, pathSegments, type RouteAnswer, type RouteMatch } from './route.ts';
import { routes } from './routes.ts';
import { withinLimits } from './throttled-routes.ts';

type Outcome =
  | { readonly answer: RouteAnswer; readonly failure?: string }
  | 'not answered'
  | 'connection dropped'
  | 'connection closed'
  | 'caller gone';

const NOTHING = Buffer.alloc(0);
const UNANSWERED: Partial<Record<FaultEffect['kind'], Outcome>> = {
  'no-answer': 'not answered',
  'accept-then-no-answer': 'not answered',
  'drop-connection': 'connection dropped',
  'accept-then-drop-connection': 'connection dropped',
  'close-connection': 'connection closed',
};

/** Answers one request; never throws. */
export async function handleRequest(
  options: HeadOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const start = performance.now();
  const peer = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  const caller = new AbortController();
  response.once('close', () => caller.abort(new Error('The caller is gone')));
  const exchange = new Exchange(options, request, caller.signal);
  const outcome = await exchange.run();
  const event = `${request.method} ${exchange.routePath}`;
  const ms = Math.round(performance.now() - start);
  if (typeof outcome === 'object') {
    send(response, outcome.answer);
    const { answer, failure } = outcome;
    const { status, body = '' } = answer;
    const detail = { ...exchange.who(), status, ms, ...(failure !== undefined && { failure }) };
    options.log.record({ protocol: 'https', peer, event, detail }, () => ({
      received: exchange.body,
      sent: Buffer.from(body),
    }));
    return;
  }
  if (outcome === 'connection dropped') request.socket.destroy();
  if (outcome === 'connection closed') request.socket.end();
  const detail = { ...exchange.who(), outcome, ms };
  options.log.record({ protocol: 'https', peer, event, detail }, () => ({
    received: exchange.body,
  }));
}

class Exchange {
  readonly #options: HeadOptions;
  readonly #request: IncomingMessage;
  readonly #path: string;
  readonly #query: URLSearchParams;
  readonly #signal: AbortSignal;
  #match: RouteMatch | undefined;
  #body: Buffer = NOTHING;

  constructor(options: HeadOptions, request: IncomingMessage, signal: AbortSignal) {
    this.#options = options;
    this.#request = request;
    this.#signal = signal;
    const url = request.url ?? '/';
    const end = url.includes('?') ? url.indexOf('?') : url.length;
    this.#path = url.slice(0, end);
    this.#query = new URLSearchParams(url.slice(end));
  }

  /** The route's pattern: paths may hold lock tokens, which are for no log. */
  get routePath(): string {
    return this.#match?.route.path ?? '(no route)';
  }

  /** As far as it was read. */
  get body(): Buffer {
    return this.#body;
  }

  /** By what the caller shows, valid or not, and about which device or module. */
  who(): { by?: string; deviceId?: string } {
    const { authorization } = this.#request.headers;
    const credential = authorization ?? clientCertificateOf(this.#request.socket);
    const deviceId = identityIn(this.#path);
    return {
      ...(credential !== undefined && { by: whoIs(credential) }),
      ...(deviceId !== undefined && { deviceId }),
    };
  }

  async run(): Promise<Outcome> {
    const fault = this.#options.faults.take('https-request', () => identityIn(this.#path));
    const outcome = await this.#answer(fault).catch((error: unknown) => this.#failed(error));
    if (outcome === 'caller gone') return outcome;
    return (fault && UNANSWERED[fault.kind]) ?? outcome;
  }

  async #answer(fault: FaultEffect | undefined): Promise<Outcome> {
    const segments = pathSegments(this.#path);
    this.#match = findRoute(routes, this.#request.method, segments);
    if (fault?.kind === 'no-answer') return 'not answered';
    if (fault?.kind === 'drop-connection' || fault?.kind === 'close-connection')
      return 'connection dropped';
    if (fault?.kind === 'error') return { answer: this.#errorAnswer(plannedError(fault)) };
    if (fault?.kind === 'delay') await wait(fault.ms, undefined, { signal: this.#signal });
    return { answer: await this.#serve(this.#match, segments) };
  }

  async #serve(match: RouteMatch, segments: readonly string[]): Promise<RouteAnswer> {
    const { route, params } = match;
    const { state } = this.#options;
    const { headers } = this.#request;
    await this.#authorize(match, segments);
    if (!this.#query.get('api-version'))
      throw new HubError('argumentInvalid', 'The query parameter api-version is missing');
    const body = await readBody(this.#request, route.maxBodyBytes);
    if (this.#options.log.keepsPayloads) this.#body = body;
    const { faults } = this.#options;
    const request = {
      state,
      faults,
      params,
      query: this.#query,
      headers,
      body,
      signal: this.#signal,
    };
    return withinLimits(state.throttles, route, body.length, () => route.handle(request));
  }

  async #authorize({ route, params }: RouteMatch, segments: readonly string[]): Promise<void> {
    const { state, authenticator } = this.#options;
    const token = this.#request.headers.authorization;
    if (route.right !== 'deviceConnect') {
      if (token === undefined)
        throw new HubError('unauthorized', 'The Authorization header is missing');
      const credential = await authenticator.read(token);
      for (const permission of [route.right].flat())
        authenticator.service(credential, permission, segments);
      return;
    }
    const credential =
      token === undefined
        ? clientCertificateOf(this.#request.socket)
        : await authenticator.read(token);
    if (credential === undefined)
      throw new HubError('unauthorized', 'There is no Authorization header and no certificate');
    const deviceId = params.get('deviceId') ?? '';
    authenticator.device(credential, deviceId);
    state.registry.touch(deviceId);
  }

  #failed(error: unknown): Outcome {
    if (this.#signal.aborted) return 'caller gone';
    if (error instanceof HubError)
      return { answer: this.#errorAnswer(error), failure: error.errorName };
    const fault = new HubError('serverError', `The simulated hub failed: ${String(error)}`);
    return { answer: this.#errorAnswer(fault), failure: String(error) };
  }

  #errorAnswer(error: WireError): RouteAnswer {
    // Who may come in is found out before the part that answers: such errors are worded alike everywhere.
    const route = error.httpStatus === 401 ? undefined : this.#match?.route;
    const style = route?.errors ?? 'registry';
    return errorAnswer(error, style, this.#options.state.clock.now());
  }
}

/** The key of the device or module whose path it is. */
function identityIn(path: string): string | undefined {
  const match = /^\/(?:devices|twins)\/([^/]+)(?:\/modules\/([^/]+))?/i.exec(path);
  if (!match) return undefined;
  try {
    const [deviceId = '', moduleId] = pathSegments(match.slice(1).filter(Boolean).join('/'));
    return identityKey({ deviceId, ...(moduleId !== undefined && { moduleId }) });
  } catch {
    return undefined;
  }
}

function plannedError(fault: ErrorEffect): WireError {
  const code = fault.code ?? (fault.httpStatus ?? 500) * 1000;
  return {
    code,
    httpStatus: fault.httpStatus ?? Math.trunc(code / 1000),
    errorName: fault.condition ?? 'PlannedFault',
    message: fault.description ?? 'A planned fault',
  };
}

function send(response: ServerResponse, answer: RouteAnswer): void {
  response.writeHead(answer.status, {
    ...(answer.body !== undefined && {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(answer.body)),
    }),
    ...answer.headers,
  });
  response.end(answer.body);
}
