import type { OutgoingMessage } from './message.ts';

/**
 * Body, system property values, names and values of the application's properties: what counts against the 64 KB.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct
 */
export function sizeInBytes(message: Omit<OutgoingMessage, 'ack' | 'expiresAt'>): number {
  const system = [
    message.messageId,
    message.correlationId,
    message.contentType,
    message.contentEncoding,
  ];
  const application = Object.entries(message.properties).flat();
  return [...system, ...application].reduce(
    (total, text) => total + new TextEncoder().encode(text).length,
    message.body.byteLength,
  );
}
