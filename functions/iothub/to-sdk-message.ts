import sdkMessage from 'azure-iothub/dist/common-core/message.js';
import type { Message as SdkMessage } from 'azure-iothub/dist/common-core/message.js';
import { DownlinkError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../messages/message.ts';
import type { OutgoingMessage } from '../messages/message.ts';
import { sizeInBytes } from '../messages/message-size.ts';

/** As W3C Trace Context calls it. IoT Hub's own tracing knows messages from devices only. */
const TRACE_PARENT = 'traceparent';

/** Property names that the SDK drops, or takes for something else than a property of the application. */
const NOT_SENT_BY_SDK: ReadonlySet<string> = new Set([
  'Authorization',
  'iothub-to',
  'iothub-ack',
  'IoThub-status',
  'dt-subject',
]);

/** A message in the words of the service SDK. Throws `invalid-request` for what it would not carry as it is. */
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
  for (const [name, value] of Object.entries(message.properties)) {
    if (NOT_SENT_BY_SDK.has(name)) throw notSent(name);
    sent.properties.add(name, value);
  }
  const { traceParent } = message;
  if (traceParent !== undefined && hasRoomForTrace(message)) {
    sent.properties.add(TRACE_PARENT, traceParent);
  }
  return sent;
}

/** What the caller himself says of a trace stands; and no message is refused for the sake of its trace. */
function hasRoomForTrace(message: OutgoingMessage): boolean {
  const names = Object.keys(message.properties).map((name) => name.toLowerCase());
  const bytes = TRACE_PARENT.length + (message.traceParent?.length ?? 0);
  return !names.includes(TRACE_PARENT) && sizeInBytes(message) + bytes <= MAX_MESSAGE_BYTES;
}

function notSent(name: string): DownlinkError {
  const message = 'is a name that the service SDK does not pass on; take another';
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path: `body.properties.${name}`, message }],
  });
}
