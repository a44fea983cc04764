import { type CloudToDeviceMessage, ownExpiresAt } from '../state/cloud-to-device-message.ts';
import type { Delivery } from '../state/cloud-to-device-queues.ts';
import type { RouteAnswer } from './route.ts';

/** A message as the body and headers of an answer; its lock is the ETag. */
export function deviceBoundMessage(
  { lockToken, message }: Delivery,
  defaultTtlMs: number,
): RouteAnswer {
  const headers = Object.entries(systemProperties(message, defaultTtlMs)).flatMap(
    ([name, value]) => (value === undefined ? [] : [[name, headerText(value)]]),
  );
  // Names and values of these hold only what a header may: the queue takes no others.
  const properties = Object.entries(message.properties).map(([name, value]) => [
    `iothub-app-${name}`,
    value,
  ]);
  return {
    status: 200,
    body: message.body,
    headers: {
      ...Object.fromEntries([...properties, ...headers]),
      etag: `"${lockToken}"`,
    },
  };
}

function systemProperties(
  message: CloudToDeviceMessage,
  defaultTtlMs: number,
): Record<string, string | undefined> {
  const expiresAt = ownExpiresAt(message, defaultTtlMs);
  return {
    // The type of the body goes by a name of the service's own: it decodes nothing.
    'content-type': 'application/octet-stream',
    contenttype: message.contentType,
    contentencoding: message.contentEncoding,
    // These the service sends empty when there is nothing, and the Azure CLI relies on it.
    'iothub-messageid': message.messageId ?? '',
    'iothub-correlationid': message.correlationId ?? '',
    'iothub-userid': message.userId ?? '',
    'iothub-to': message.to,
    'iothub-expiry': expiresAt === undefined ? '' : new Date(expiresAt).toISOString(),
    'iothub-ack': message.ack === 'none' ? undefined : message.ack,
    'iothub-sequencenumber': String(message.sequenceNumber),
    'iothub-enqueuedtime': new Date(message.enqueuedAt).toISOString(),
    'iothub-deliverycount': String(message.deliveryCount),
  };
}

/** RFC 9110 §5.5; what a header cannot carry is percent-encoded. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}
