import type { CloudToDeviceMessage } from '../state/cloud-to-device-message.ts';

/**
 * The properties of a message as the last segment of its topic: system properties under their `$.`
 * names, then the sender's own; absent ones are left out, both sides are percent-encoded.
 */
export function formatPropertyBag(
  message: CloudToDeviceMessage,
  expiresAt: number | undefined,
): string {
  const fields: [name: string, value: string | undefined][] = [
    ['$.mid', message.messageId],
    ['$.cid', message.correlationId],
    ['$.uid', message.userId],
    ['$.to', message.to],
    ['$.exp', expiresAt === undefined ? undefined : new Date(expiresAt).toISOString()],
    ['$.ct', message.contentType],
    ['$.ce', message.contentEncoding],
    ['iothub-ack', message.ack === 'none' ? undefined : message.ack],
    ...Object.entries(message.properties),
  ];
  return fields
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
    )
    .join('&');
}
