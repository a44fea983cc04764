import type { Message } from 'rhea';
import { newDeviceEvent, type NewDeviceEvent } from '../state/device-event.ts';
import { HubError } from '../state/hub-error.ts';
import { readBody, readId, readProperty, readText, readTime } from './message-sections.ts';
import { decodeMessage } from './rhea-internals.ts';

/** What a device sent: one message or, in the format of batches, several. Throws `argumentInvalid`. */
export function readDeviceEvents(message: Message | Buffer): NewDeviceEvent[] {
  if (!Buffer.isBuffer(message)) return [readDeviceEvent(message)];
  // Each data section of the envelope holds one whole message.
  const sections = decode(message).body;
  const parts = isMultiple(sections) ? sections.content : [sections];
  return parts.map((part) => readDeviceEvent(decode(readBody(part))));
}

function readDeviceEvent(message: Message): NewDeviceEvent {
  const annotations: Readonly<Record<string, unknown>> = message.message_annotations ?? {};
  const given: Readonly<Record<string, unknown>> = message.application_properties ?? {};
  const properties = Object.entries(given).map(([name, value]) => [
    name,
    readProperty(name, value),
  ]);
  return newDeviceEvent({
    body: readBody(message.body),
    properties: Object.fromEntries(properties),
    messageId: readId('message-id', message.message_id),
    correlationId: readId('correlation-id', message.correlation_id),
    userId: readText('user-id', message.user_id),
    to: readText('to', message.to),
    contentType: readText('content-type', message.content_type),
    contentEncoding: readText('content-encoding', message.content_encoding),
    expiresAt: readTime('absolute-expiry-time', message.absolute_expiry_time),
    createdAt: readTime('creation-time', message.creation_time),
    componentName: readText('dt-subject', annotations['dt-subject']),
    interfaceId: readText('iothub-interface-id', annotations['iothub-interface-id']),
  });
}

function decode(bytes: Buffer): Message {
  try {
    return decodeMessage(bytes);
  } catch {
    throw new HubError('argumentInvalid', 'The batch holds what is no AMQP message');
  }
}

function isMultiple(body: unknown): body is { readonly content: unknown[] } {
  return (
    typeof body === 'object' && body !== null && 'content' in body && Array.isArray(body.content)
  );
}
