import { randomBytes } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';

/** https://www.w3.org/TR/trace-context/#traceparent-header-field-values; version ff is forbidden. */
const TRACE_PARENT =
  /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-|$)/;

const ours = new WeakMap<HttpRequest, string>();

/** The caller's trace, continued by a span of this call; undefined if the caller sent none. The same however often it is asked for. */
export function traceParentOf(request: HttpRequest): string | undefined {
  const known = ours.get(request);
  if (known !== undefined) return known;
  const parts = TRACE_PARENT.exec(request.headers.get('traceparent') ?? '');
  if (!parts) return undefined;
  const [, traceId = '', flags = '00'] = parts;
  const continued = `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`;
  ours.set(request, continued);
  return continued;
}
