import type { Message } from 'rhea';
import type { Ack, NewCloudToDeviceMessage } from '../state/cloud-to-device-message.ts';
import { HubError } from '../state/hub-error.ts';
import { decodeId, identityAddress, keyOf } from './device-address.ts';
import { readBody, readId, readProperty, readText, readTime } from './message-sections.ts';

const TO = identityAddress('/messages/devicebound');
const ACK_PROPERTY = 'iothub-ack';

/** What a back end sent, as the hub knows it. Throws `argumentInvalid`. */
export function readCloudToDeviceMessage(message: Message): {
  deviceId: string;
  message: NewCloudToDeviceMessage;
} {
  const { to } = message;
  const messageId = readId('message-id', message.message_id);
  const correlationId = readId('correlation-id', message.correlation_id);
  const userId = readText('user-id', message.user_id);
  const contentType = readText('content-type', message.content_type);
  const contentEncoding = readText('content-encoding', message.content_encoding);
  const expiresAt = readTime('absolute-expiry-time', message.absolute_expiry_time);
  const { ack, properties } = readProperties(message.application_properties);
  return {
    deviceId: readDeviceId(to),
    message: {
      ...(messageId !== undefined && { messageId }),
      ...(correlationId !== undefined && { correlationId }),
      ...(userId !== undefined && { userId }),
      to: String(to),
      body: readBody(message.body),
      ...(contentType !== undefined && { contentType }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      properties,
      ack,
      ...(expiresAt !== undefined && { expiresAt }),
    },
  };
}

/** Undefined if it names no device. */
export function targetOf(message: Message | Buffer): string | undefined {
  try {
    return Buffer.isBuffer(message) ? undefined : readDeviceId(message.to);
  } catch {
    return undefined;
  }
}

function readDeviceId(to: unknown): string {
  const match = typeof to === 'string' ? TO.exec(to) : null;
  if (match) {
    try {
      return keyOf(match, decodeId);
    } catch {
      // Answered like any other `to` that names no device.
    }
  }
  throw invalid('to must be /devices/{device id, percent-encoded}/messages/devicebound');
}

function readProperties(given: unknown): { ack: Ack; properties: Record<string, string> } {
  const properties: Record<string, string> = {};
  let ack: Ack = 'none';
  for (const [name, value] of Object.entries(given ?? {})) {
    const text = readProperty(name, value);
    if (name === ACK_PROPERTY) ack = readAck(text.toLowerCase());
    else properties[name] = text;
  }
  return { ack, properties };
}

function readAck(text: string): Ack {
  switch (text) {
    case 'none':
    case 'positive':
    case 'negative':
    case 'full':
      return text;
    default:
      throw invalid(`${ACK_PROPERTY} must be none, positive, negative or full`);
  }
}

function invalid(message: string): HubError {
  return new HubError('argumentInvalid', message);
}
