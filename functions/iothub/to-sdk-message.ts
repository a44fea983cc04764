import sdkMessage from 'azure-iothub/dist/common-core/message.js';
import type { Message as SdkMessage } from 'azure-iothub/dist/common-core/message.js';
import type { OutgoingMessage } from '../messages/message.ts';

/** A message in the words of the service SDK. */
export function toSdkMessage(message: OutgoingMessage): SdkMessage {
  const sent = new sdkMessage.Message(Buffer.from(message.body));
  sent.messageId = message.messageId;
  sent.ack = message.ack;
  // A number of milliseconds: a Date or a text brings the connection down, and the send never ends.
  sent.expiryTimeUtc = Math.round(message.expiresAt);
  if (message.correlationId !== undefined) sent.correlationId = message.correlationId;
  // The SDK's types name a few values only; the hub passes on any.
  Object.assign(sent, {
    ...(message.contentType !== undefined && { contentType: message.contentType }),
    ...(message.contentEncoding !== undefined && { contentEncoding: message.contentEncoding }),
  });
  for (const [name, value] of Object.entries(message.properties)) sent.properties.add(name, value);
  return sent;
}
