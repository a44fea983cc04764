import type { IncomingMessage } from 'node:http';
import type { HttpData } from '../core-module/core-types.ts';
import type { PrincipalHeaders } from './app-service-authentication.ts';
import type { RouteValues } from './match-route.ts';

// Azure's front end sets them once it has signed somebody in: from outside they are a forgery.
const IDENTITY_HEADER = /^x-ms-client-principal/i;

/** A request in the form in which the host hands it to a worker. */
export function toHttpData(
  request: IncomingMessage,
  url: URL,
  values: RouteValues,
  body: Buffer,
  principal: PrincipalHeaders,
): HttpData {
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined || IDENTITY_HEADER.test(name) ? [] : [[name, String(value)] as const],
  );
  return {
    method: request.method ?? 'GET',
    url: url.href,
    nullableHeaders: nullable([...headers, ...Object.entries(principal)]),
    nullableParams: nullable(Object.entries(values)),
    ...(body.length > 0 ? { body: { bytes: body } } : {}),
  };
}

// No prototype: a header or route parameter may be called `__proto__`.
function nullable(
  entries: readonly (readonly [string, string])[],
): Record<string, { value: string }> {
  const values: Record<string, { value: string }> = Object.create(null);
  for (const [name, value] of entries) values[name] = { value };
  return values;
}
