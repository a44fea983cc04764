import type { SendMessageRequest, SentMessage } from '../messages/new-message.ts';
import type { InvokeRequest } from './invocation.ts';
import type { SendFallback } from './call-device.ts';

/** Tells a device which method a message stands for. */
const METHOD_PROPERTY = 'downlink-method';

/** The message that stands for a call on a device that is not online. Its id is the invocation's: a repeat is safe. */
export function fallbackRequest(
  call: Pick<InvokeRequest, 'deviceId' | 'invocationId' | 'methodName' | 'traceParent'>,
  payload: unknown,
  ttlSeconds: number,
): SendMessageRequest {
  return {
    deviceId: call.deviceId,
    messageId: call.invocationId,
    body: new TextEncoder().encode(JSON.stringify(payload)),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: { [METHOD_PROPERTY]: call.methodName },
    ack: 'full',
    expiry: { ttlSeconds },
    ...(call.traceParent !== undefined && { traceParent: call.traceParent }),
  };
}

export function sendFallback(
  send: (request: SendMessageRequest) => Promise<SentMessage>,
): SendFallback {
  return async (invocation, payload, ttlSeconds) => {
    const request = fallbackRequest(invocation, payload, ttlSeconds);
    await send(request);
    return request.messageId;
  };
}
