import rhea from 'rhea';
import type { Message } from 'rhea';
import { ownExpiresAt, type CloudToDeviceMessage } from '../state/cloud-to-device-message.ts';

/** Texts that the service SDK sends as uuid, and the device SDK reads as such. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A message as its device gets it. */
export function messageToDevice(message: CloudToDeviceMessage, defaultTtlMs: number): Message {
  const { messageId, correlationId, userId, contentType, contentEncoding, ack } = message;
  const expiresAt = ownExpiresAt(message, defaultTtlMs);
  return {
    delivery_count: message.deliveryCount,
    message_annotations: {
      'x-opt-sequence-number': rhea.types.wrap_ulong(message.sequenceNumber),
      'iothub-enqueuedtime': rhea.types.wrap_timestamp(message.enqueuedAt),
    },
    to: message.to,
    ...(messageId !== undefined && { message_id: toId(messageId) }),
    ...(correlationId !== undefined && { correlation_id: toId(correlationId) }),
    ...(userId !== undefined && { user_id: userId }),
    ...(contentType !== undefined && { content_type: contentType }),
    ...(contentEncoding !== undefined && { content_encoding: contentEncoding }),
    ...(expiresAt !== undefined && { absolute_expiry_time: new Date(expiresAt) }),
    application_properties: {
      ...message.properties,
      ...(ack !== 'none' && { 'iothub-ack': ack }),
    },
    body: rhea.message.data_section(message.body),
  };
}

function toId(text: string): string | Buffer {
  return UUID.test(text) ? rhea.string_to_uuid(text) : text;
}
