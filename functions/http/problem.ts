import type { DownlinkError, ErrorCode } from '../errors.ts';
import type { RouteResponse } from './route.ts';

/** The face of every code: a new one does not compile until it has its line here. */
export const PROBLEMS: Readonly<Record<ErrorCode, { status: number; title: string }>> = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'The caller is not known' },
  forbidden: { status: 403, title: 'The caller may not do this' },
  'quota-exceeded': { status: 403, title: "The hub's daily quota is used up" },
  'device-not-found': { status: 404, title: 'The device is not registered' },
  'message-not-found': { status: 404, title: 'The message is not known' },
  'invocation-not-found': { status: 404, title: 'The invocation is not known' },
  'method-not-allowed': { status: 405, title: 'The resource does not know this HTTP method' },
  'device-queue-full': { status: 409, title: "The device's queue is full" },
  'device-not-online': { status: 409, title: 'The device is not online' },
  'idempotency-conflict': { status: 409, title: 'The id is taken by other content' },
  'message-too-large': { status: 413, title: 'The message is too large' },
  'payload-too-large': { status: 413, title: 'The payload is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'in-flight-limit': { status: 429, title: 'Too many calls are under way' },
  throttled: { status: 429, title: 'The hub throttles' },
  internal: { status: 500, title: 'Something went wrong here' },
  'bad-device-response': { status: 502, title: 'The device answered with something unreadable' },
  'hub-unavailable': { status: 503, title: 'The hub cannot be reached' },
  'storage-unavailable': { status: 503, title: 'The storage cannot be reached' },
  'device-disconnected': { status: 504, title: 'The device disconnected during the call' },
  'device-timeout': { status: 504, title: 'The device did not answer in time' },
  'hub-outcome-unknown': { status: 504, title: 'It is not known whether the hub took it' },
};

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(PROBLEMS, code);
}

/** What 429 and 503 say when nobody knows better. */
const RETRY_AFTER_SECONDS = 5;

/** An error as RFC 9457 wants it told. */
export function problemResponse(error: DownlinkError, requestId: string): RouteResponse {
  const { status, title } = PROBLEMS[error.code];
  const retryAfterSeconds =
    status === 429 || status === 503 ? (error.retryAfterSeconds ?? RETRY_AFTER_SECONDS) : undefined;
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(error.allow && { allow: error.allow.join(', ') }),
      ...(retryAfterSeconds !== undefined && {
        'retry-after': Math.ceil(retryAfterSeconds).toString(),
      }),
    },
    body: JSON.stringify({
      type: `/problems/${error.code}`,
      title,
      status,
      detail: error.detail,
      instance: requestId,
      code: error.code,
      ...(error.faults.length > 0 && { errors: error.faults }),
    }),
  };
}
