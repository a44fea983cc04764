import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { TraceContext } from '../core-module/core-types.ts';

// W3C Trace Context §3.2.2; version ff is forbidden.
const TRACE_PARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})/;

/** The caller's trace, continued by a span of our own; or a new one, which nobody records. */
export function readTraceContext(headers: IncomingHttpHeaders): TraceContext {
  const { traceparent, tracestate, 'x-request-id': requestId } = headers;
  const parent = TRACE_PARENT.exec(typeof traceparent === 'string' ? traceparent : '');
  const [traceId, flags] = [parent?.[1] ?? randomHex(16), parent?.[2] ?? '00'];
  return {
    traceParent: `00-${traceId}-${randomHex(8)}-${flags}`,
    ...(parent !== null && typeof tracestate === 'string' ? { traceState: tracestate } : {}),
    attributes: typeof requestId === 'string' ? { 'x-request-id': requestId } : {},
  };
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
