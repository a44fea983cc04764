import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import { MAX_METHOD_PAYLOAD_BYTES } from '../methods/method.ts';
import type { MethodCall, MethodInvoker, MethodResult } from '../methods/method.ts';
import type { HubResponse, HubRest } from './hub-rest.ts';
import { methodRequestError, methodResponseError } from './iothub-errors.ts';

const resultSchema = z.object({ status: z.int(), payload: z.unknown() });

/**
 * Calls the method once. The hub waits for the device as long as the call says; past that and a margin for the hub
 * itself, it is taken for silent.
 *
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods
 */
export function iotHubDeviceMethodInvoker(options: {
  rest: HubRest;
  marginMs: number;
}): MethodInvoker {
  const { rest, marginMs } = options;
  return {
    async invoke(call) {
      const payload = call.payload ?? null;
      checkSize(payload);
      const waitSeconds = call.connectTimeoutSeconds + call.responseTimeoutSeconds;
      const response = await rest
        .request({
          method: 'POST',
          path: `/twins/${encodeURIComponent(call.deviceId)}/methods`,
          timeoutMs: waitSeconds * 1000 + marginMs,
          json: {
            methodName: call.methodName,
            responseTimeoutInSeconds: call.responseTimeoutSeconds,
            connectTimeoutInSeconds: call.connectTimeoutSeconds,
            payload,
          },
        })
        .catch((error: unknown) => Promise.reject(methodRequestError(error)));
      if (response.status !== 200) throw methodResponseError(response);
      return readResult(response);
    },
  };
}

function checkSize(payload: MethodCall['payload']): void {
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes <= MAX_METHOD_PAYLOAD_BYTES) return;
  throw new DownlinkError(
    'payload-too-large',
    `The payload has ${bytes} bytes as JSON; a method takes at most ${MAX_METHOD_PAYLOAD_BYTES}.`,
  );
}

function readResult(response: HubResponse): MethodResult {
  try {
    const { status, payload } = resultSchema.parse(JSON.parse(response.body));
    return { status, payload: payload ?? null };
  } catch (error) {
    throw new DownlinkError(
      'bad-device-response',
      'The method has run, and its result cannot be read.',
      { cause: error },
    );
  }
}
