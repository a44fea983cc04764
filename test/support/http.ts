import { HttpRequest, InvocationContext } from '@azure/functions';
import type { HttpHandler } from '@azure/functions';

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Record<string, unknown>;
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'PUT';
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string>;
  /** The query as text, instead of `query`. */
  readonly search?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly text?: string;
}

/** Calls a handler with the platform's own request and reads its answer. */
export async function call(handler: HttpHandler, request: Call): Promise<Answer> {
  const { method = 'POST', params = {}, query = {}, search, headers = {}, json, text } = request;
  const body = text ?? (json === undefined ? undefined : JSON.stringify(json));
  const url = new URL('http://localhost/api');
  url.search = search ?? new URLSearchParams(query).toString();
  const httpRequest = new HttpRequest({
    method,
    url: url.href,
    params,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: { string: body } }),
  });
  const context = new InvocationContext({
    invocationId: 'request-1',
    functionName: 'test',
    logHandler: () => undefined,
  });
  const response = await handler(httpRequest, context);
  if (!response) throw new Error('the handler gave no response');
  const { jsonBody, body: textBody } = response as { jsonBody?: unknown; body?: unknown };
  const parsed: unknown = typeof textBody === 'string' ? JSON.parse(textBody) : jsonBody;
  return {
    status: response.status ?? 200,
    headers: Object.fromEntries(new Headers(response.headers as Record<string, string>)),
    body: (parsed ?? {}) as Record<string, unknown>,
  };
}
