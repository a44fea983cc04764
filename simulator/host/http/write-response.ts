import type { ServerResponse } from 'node:http';
import type { InvocationResponse } from '../core-module/core-types.ts';
import { setCookie } from './set-cookie.ts';

// The connection is between the client and this host; the app has no say in it.
const CONNECTION_HEADERS = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'transfer-encoding',
]);

/** What an invocation returned. A function that returned nothing answers 204, as in the real host. */
export function writeInvocationResponse(
  response: ServerResponse,
  { returnValue }: InvocationResponse,
): void {
  const { http } = returnValue ?? {};
  if (http === undefined) {
    writeEmpty(response, 204);
    return;
  }
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    if (!CONNECTION_HEADERS.has(name.toLowerCase())) response.setHeader(name, value);
  }
  for (const cookie of http.cookies ?? []) response.appendHeader('set-cookie', setCookie(cookie));
  response.statusCode = Number(http.statusCode);
  response.end(http.body?.bytes ?? '');
}

export function writeEmpty(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

export function writeText(response: ServerResponse, status: number, text: string): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.statusCode = status;
  response.end(`${text}\n`);
}

export function writeJson(response: ServerResponse, status: number, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.statusCode = status;
  response.end(JSON.stringify(value));
}
