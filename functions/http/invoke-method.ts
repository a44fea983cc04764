import type { HttpRequest, InvocationContext } from '@azure/functions';
import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import { logLine } from '../log-line.ts';
import { MAX_TTL_SECONDS } from '../messages/message.ts';
import type { Warn } from '../messages/send-message.ts';
import type { InvokeRequest } from '../methods/invocation.ts';
import { isFinalInvocation } from '../methods/invocation-lifecycle.ts';
import type { Invoked } from '../methods/invoke-method.ts';
import {
  CONNECT_TIMEOUT_SECONDS,
  MAX_METHOD_PAYLOAD_BYTES,
  RESPONSE_TIMEOUT_SECONDS,
} from '../methods/method.ts';
import { deviceIdField, idempotencyKeyField, methodNameField } from './fields.ts';
import { idOfKey } from './id-of-key.ts';
import { invocationLocation, invocationResource } from './invocation-resource.ts';
import { messageLocation } from './message-resource.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import { isErrorCode } from './problem.ts';
import { readJson } from './read-json.ts';
import type { Route, RouteResponse } from './route.ts';
import { traceParentOf } from './trace-parent.ts';

/** The largest payload with every character escaped as JSON text. */
export const CALL_BODY_LIMIT = {
  maxBytes: 6 * MAX_METHOD_PAYLOAD_BYTES,
  code: 'payload-too-large',
} as const;

/** What an HTTP call may take: Azure's load balancer cuts it off after 230 s. */
export const MAX_CALL_SECONDS = 200;

const IDEMPOTENCY_KEY = 'idempotency-key';

const bodySchema = z.strictObject({
  payload: z.unknown().optional(),
  responseTimeoutSeconds: secondsField(RESPONSE_TIMEOUT_SECONDS),
  connectTimeoutSeconds: secondsField(CONNECT_TIMEOUT_SECONDS),
  idempotent: z.boolean('must be true or false').default(false),
  fallback: z
    .strictObject({
      messageTtlSeconds: z
        .int('must be a whole number of seconds')
        .min(1, 'must be at least 1 second')
        .max(MAX_TTL_SECONDS, `must be at most ${MAX_TTL_SECONDS} seconds, which are 48 hours`),
    })
    .exactOptional(),
});

export const invokeMethodRequest = z
  .strictObject({
    path: z.strictObject({ deviceId: deviceIdField, methodName: methodNameField }),
    query: z.strictObject({}),
    headers: z.strictObject({
      prefer: z.string().max(1024).optional(),
      [IDEMPOTENCY_KEY]: idempotencyKeyField.optional(),
    }),
    body: bodySchema,
  })
  .superRefine(({ headers, body }, context) => {
    const waitSeconds = body.responseTimeoutSeconds + body.connectTimeoutSeconds;
    if (waitSeconds <= MAX_CALL_SECONDS || respondAsync(headers.prefer)) return;
    const message =
      `and connectTimeoutSeconds together must not exceed ${MAX_CALL_SECONDS}, which is what an HTTP call may take; ` +
      "for longer waits send the header 'Prefer: respond-async'";
    context.addIssue({ code: 'custom', path: ['body', 'responseTimeoutSeconds'], message });
  });

/** `POST /api/devices/{deviceId}/methods/{methodName}` */
export function invokeMethodRoute(dependencies: {
  invoke: (
    request: InvokeRequest,
    options: { respondAsync: boolean; warn: Warn },
  ) => Promise<Invoked>;
  newInvocationId: () => string;
  /** A fallback sends a message: throws `forbidden` for who may not. */
  checkMayFallBack: (request: HttpRequest) => void;
}): Route {
  return async (request, context) => {
    const json = await readJson(request, CALL_BODY_LIMIT);
    const parts = requestParts(request, { headers: ['prefer', IDEMPOTENCY_KEY], body: json });
    const { path, headers, body } = parseRequest(invokeMethodRequest, parts);
    const { payload = null, ...fields } = body;
    if (fields.fallback) dependencies.checkMayFallBack(request);
    const key = headers[IDEMPOTENCY_KEY];
    const isAsync = respondAsync(headers.prefer);
    const traceParent = traceParentOf(request);
    const invoked = await dependencies.invoke(
      {
        ...path,
        ...fields,
        payload,
        ...(traceParent !== undefined && { traceParent }),
        invocationId:
          key === undefined ? dependencies.newInvocationId() : idOfKey(path.deviceId, key),
      },
      { respondAsync: isAsync, warn: warnIn(context) },
    );
    return isAsync ? acceptedAnswer(invoked) : waitedAnswer(invoked);
  };
}

function acceptedAnswer({ invocation, replayed }: Invoked): RouteResponse {
  return {
    status: replayed && isFinalInvocation(invocation) ? 200 : 202,
    headers: {
      location: invocationLocation(invocation),
      'preference-applied': 'respond-async',
      ...(replayed && { 'idempotent-replayed': 'true' }),
    },
    jsonBody: invocationResource(invocation),
  };
}

function waitedAnswer(invoked: Invoked): RouteResponse {
  const { invocation, replayed, error } = invoked;
  const { deviceId, invocationId, methodName, result, failure, fallbackMessageId } = invocation;
  const headers = replayed ? { 'idempotent-replayed': 'true' } : {};
  if (result) {
    const { status, payload, durationMs } = result;
    return {
      headers,
      jsonBody: { invocationId, deviceId, methodName, status, payload, durationMs },
    };
  }
  if (fallbackMessageId !== undefined) {
    const location = messageLocation({ deviceId, messageId: fallbackMessageId });
    return {
      status: 202,
      headers: { ...headers, location },
      jsonBody: invocationResource(invocation),
    };
  }
  if (error) throw error;
  // Only a repeat comes here: its first is still on its way, or ended without an answer.
  if (!failure) return acceptedAnswer(invoked);
  throw new DownlinkError(isErrorCode(failure.code) ? failure.code : 'internal', failure.detail);
}

/** RFC 7240: a list of preferences, of which those that are not known are ignored. */
function respondAsync(prefer: string | undefined): boolean {
  return (prefer ?? '')
    .split(',')
    .some((each) => each.split(';', 1)[0]?.trim().toLowerCase() === 'respond-async');
}

function warnIn(context: InvocationContext): Warn {
  return (event, error) =>
    context.warn(logLine(event, { error: error instanceof Error ? error.message : 'unknown' }));
}

function secondsField(range: { min: number; max: number; default: number }) {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  const rule = { error: message, abort: true };
  return z.int(message).min(range.min, rule).max(range.max, rule).default(range.default);
}
