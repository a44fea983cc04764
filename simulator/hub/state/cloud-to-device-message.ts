import { HubError } from './hub-error.ts';
import { MAX_MESSAGE_ID_LENGTH } from './limits.ts';

export type Ack = 'none' | 'positive' | 'negative' | 'full';

export interface NewCloudToDeviceMessage {
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly to: string;
  readonly body: Buffer;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly ack: Ack;
  readonly expiresAt?: number;
}

export interface CloudToDeviceMessage extends NewCloudToDeviceMessage {
  /** Unique in the device's queue. */
  readonly sequenceNumber: number;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  readonly deliveryCount: number;
}

/** Of a message without an expiry time of its own the service tells the device none. */
export function ownExpiresAt(
  { enqueuedAt, expiresAt }: CloudToDeviceMessage,
  defaultTtlMs: number,
): number | undefined {
  return expiresAt === enqueuedAt + defaultTtlMs ? undefined : expiresAt;
}

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct
const MESSAGE_ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']+$/;
const PROPERTY_TEXT = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]*$/;
const ACKS: readonly string[] = ['none', 'positive', 'negative', 'full'];

/** Body, values of the system properties, names and values of the application's properties. */
export function sizeInBytes(message: NewCloudToDeviceMessage): number {
  const texts = [
    message.messageId,
    message.correlationId,
    message.userId,
    message.to,
    message.contentType,
    message.contentEncoding,
    ...Object.entries(message.properties).flat(),
  ];
  return texts.reduce(
    (total, text) => total + (text === undefined ? 0 : Buffer.byteLength(text)),
    message.body.length,
  );
}

/** Throws `argumentInvalid`. */
export function checkMessage(message: NewCloudToDeviceMessage): void {
  checkId('messageId', message.messageId);
  checkId('correlationId', message.correlationId);
  if (!ACKS.includes(message.ack)) {
    throw new HubError('argumentInvalid', `iothub-ack must be one of ${ACKS.join(', ')}`);
  }
  for (const [name, value] of Object.entries(message.properties)) {
    if (name === '' || !PROPERTY_TEXT.test(name)) {
      throw new HubError(
        'argumentInvalid',
        `The property name '${name.slice(0, 140)}' has characters other than ASCII letters, digits and !#$%&'*+-.^_\`|~`,
      );
    }
    if (!PROPERTY_TEXT.test(value)) {
      throw new HubError(
        'argumentInvalid',
        `The value of the property '${name}' has characters other than ASCII letters, digits and !#$%&'*+-.^_\`|~`,
      );
    }
  }
}

function checkId(name: string, id: string | undefined): void {
  if (id === undefined || (MESSAGE_ID.test(id) && id.length <= MAX_MESSAGE_ID_LENGTH)) return;
  throw new HubError(
    'argumentInvalid',
    `${name} must be 1 to ${MAX_MESSAGE_ID_LENGTH} ASCII letters, digits and -:.+%_#*?!(),=@;$' characters`,
  );
}
