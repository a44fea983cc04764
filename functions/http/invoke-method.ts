import * as z from 'zod';
import {
  CONNECT_TIMEOUT_SECONDS,
  MAX_METHOD_PAYLOAD_BYTES,
  RESPONSE_TIMEOUT_SECONDS,
} from '../methods/method.ts';
import type { MethodInvoker } from '../methods/method.ts';
import { deviceIdField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import { readJson } from './read-json.ts';
import type { Route } from './route.ts';

/** The largest payload with every character escaped as JSON text. */
const BODY_LIMIT = { maxBytes: 6 * MAX_METHOD_PAYLOAD_BYTES, code: 'payload-too-large' } as const;

/** What an HTTP call may take: Azure's load balancer cuts it off after 230 s. */
const MAX_WAIT_SECONDS = 200;

/** Headers of the contract that a call may not carry in vain. */
const NOT_AVAILABLE = z
  .undefined('is not available for methods in this version; leave it out')
  .optional();

const requestSchema = z.strictObject({
  path: z.strictObject({
    deviceId: deviceIdField,
    methodName: z
      .string()
      .regex(/^[\u0021-\u007E]{1,100}$/, 'must be 1 to 100 printable ASCII characters')
      .refine(
        (name) => !/[$()<>@,;:\\"/[\]?={}]/.test(name),
        'must not hold $ ( ) < > @ , ; : \\ " / [ ] ? = { }',
      ),
  }),
  query: z.strictObject({}),
  headers: z.strictObject({ prefer: NOT_AVAILABLE, 'idempotency-key': NOT_AVAILABLE }),
  body: z
    .strictObject({
      payload: z.unknown().optional(),
      responseTimeoutSeconds: secondsField(RESPONSE_TIMEOUT_SECONDS),
      connectTimeoutSeconds: secondsField(CONNECT_TIMEOUT_SECONDS),
      idempotent: z.boolean('must be true or false').default(false),
    })
    .superRefine(({ responseTimeoutSeconds, connectTimeoutSeconds }, context) => {
      if (responseTimeoutSeconds + connectTimeoutSeconds <= MAX_WAIT_SECONDS) return;
      const message = `and connectTimeoutSeconds together must not exceed ${MAX_WAIT_SECONDS}, which is what an HTTP call may take`;
      context.addIssue({ code: 'custom', path: ['responseTimeoutSeconds'], message });
    }),
});

/** `POST /api/devices/{deviceId}/methods/{methodName}` */
export function invokeMethodRoute(dependencies: {
  invoker: MethodInvoker;
  newInvocationId: () => string;
  now: () => number;
}): Route {
  const { invoker, newInvocationId, now } = dependencies;
  return async (request) => {
    const json = await readJson(request, BODY_LIMIT);
    const parts = requestParts(request, { headers: ['prefer', 'idempotency-key'], body: json });
    const { path, body } = parseRequest(requestSchema, parts);
    const { payload = null, responseTimeoutSeconds, connectTimeoutSeconds } = body;
    const invocationId = newInvocationId();
    const startedAt = now();
    const result = await invoker.invoke({
      ...path,
      payload,
      responseTimeoutSeconds,
      connectTimeoutSeconds,
    });
    return {
      jsonBody: { invocationId, ...path, ...result, durationMs: now() - startedAt },
    };
  };
}

function secondsField(range: { min: number; max: number; default: number }) {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  const rule = { error: message, abort: true };
  return z.int(message).min(range.min, rule).max(range.max, rule).default(range.default);
}
