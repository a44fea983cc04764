import { z } from 'zod';
import { HubError } from '../state/hub-error.ts';
import {
  DEFAULT_RESPONSE_TIMEOUT_SECONDS,
  MAX_CONNECT_TIMEOUT_SECONDS,
  MAX_METHOD_PAYLOAD_BYTES,
  MAX_RESPONSE_TIMEOUT_SECONDS,
  MIN_RESPONSE_TIMEOUT_SECONDS,
} from '../state/limits.ts';
import { parseJsonBody } from './json-body.ts';
import { jsonMember } from './json-member.ts';
import { type Route, type RouteAnswer, type RouteRequest } from './route.ts';
import { twinKeyIn } from './twin-key.ts';

/** Room for the payload and what surrounds it. */
const MAX_BODY_BYTES = MAX_METHOD_PAYLOAD_BYTES + 16 * 1024;

const timeout = (least: number, most: number) =>
  z
    .number()
    .int()
    .refine((seconds) => seconds >= least && seconds <= most, `must be within [${least}; ${most}]`)
    .nullish();

const methodSchema = z.object({
  // https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods
  methodName: z
    .string()
    .regex(/^[!#%&'*+\-.0-9A-Z^_`a-z|~]{1,128}$/, 'must be 1 to 128 characters of a name'),
  responseTimeoutInSeconds: timeout(MIN_RESPONSE_TIMEOUT_SECONDS, MAX_RESPONSE_TIMEOUT_SECONDS),
  connectTimeoutInSeconds: timeout(0, MAX_CONNECT_TIMEOUT_SECONDS),
});

/** https://learn.microsoft.com/rest/api/iothub/service/devices/invoke-method, also for modules. */
export const methodRoutes: readonly Route[] = [
  '/twins/{deviceId}/methods',
  '/twins/{deviceId}/modules/{moduleId}/methods',
].map((path): Route => ({
  method: 'POST',
  path,
  right: 'directMethods/invoke/action',
  errors: 'device',
  maxBodyBytes: MAX_BODY_BYTES,
  handle: invokeMethod,
}));

async function invokeMethod(request: RouteRequest): Promise<RouteAnswer> {
  const call = parseJsonBody(request.body, methodSchema);
  // A device's SDK parses what it gets: it is never given nothing.
  const payload = Buffer.from(jsonMember(request.body.toString(), 'payload') ?? 'null');
  if (payload.length > MAX_METHOD_PAYLOAD_BYTES) {
    throw new HubError(
      'messageTooLarge',
      `The payload has ${payload.length} bytes; at most ${MAX_METHOD_PAYLOAD_BYTES} are allowed`,
    );
  }
  const result = await request.state.methods.invoke({
    deviceId: twinKeyIn(request),
    methodName: call.methodName,
    payload,
    responseTimeoutMs: (call.responseTimeoutInSeconds ?? DEFAULT_RESPONSE_TIMEOUT_SECONDS) * 1000,
    connectTimeoutMs: (call.connectTimeoutInSeconds ?? 0) * 1000,
    signal: request.signal,
  });
  return {
    status: 200,
    body: `{"status":${result.status},"payload":${answerJson(result.payload)}}`,
  };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** As the device sent it; throws `badDeviceResponse`. */
function answerJson(payload: Buffer): string {
  if (payload.length > MAX_METHOD_PAYLOAD_BYTES) {
    throw new HubError(
      'badDeviceResponse',
      `The device answered with ${payload.length} bytes; at most ${MAX_METHOD_PAYLOAD_BYTES} are allowed`,
    );
  }
  if (payload.length === 0) return 'null';
  try {
    const text = UTF8.decode(payload);
    JSON.parse(text);
    return text;
  } catch {
    throw new HubError('badDeviceResponse', 'The device did not answer with JSON in UTF-8');
  }
}
