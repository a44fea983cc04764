import { HubError } from './hub-error.ts';
import { MAX_EVENT_BYTES } from './limits.ts';

/** A device-to-cloud message as a device sends it. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct */
export interface NewDeviceEvent {
  readonly body: Buffer;
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly to?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly expiresAt?: number;
  /** When the device says that it made the message. */
  readonly createdAt?: number;
  /** `dt-subject` */
  readonly componentName?: string;
  readonly interfaceId?: string;
  readonly properties: Readonly<Record<string, string>>;
}

type Absentable<T> = { readonly [K in keyof T]: T[K] | undefined };

/** Leaves out what is not there. */
export function newDeviceEvent({
  body,
  properties,
  ...others
}: Absentable<Required<Omit<NewDeviceEvent, 'body' | 'properties'>>> &
  Pick<NewDeviceEvent, 'body' | 'properties'>): NewDeviceEvent {
  const given: object = others;
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { body, properties, ...Object.fromEntries(present) };
}

/** Who sent it, as the hub knows it. */
export interface EventOrigin {
  /** A device's id, or `device/module`. */
  readonly entityId: string;
  /** Announced when the device connected; becomes `dt-dataschema`. */
  readonly modelId?: string;
}

/** As a partition keeps it. */
export interface DeviceEvent extends NewDeviceEvent {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly generationId: string;
  readonly authMethod: string;
  readonly modelId?: string;
  /** Ascending within the partition. */
  readonly sequenceNumber: number;
  /** The bytes that the partition took before it. */
  readonly offset: number;
  readonly enqueuedAt: number;
}

/** Body, values of the system properties, names and values of the application's properties. */
export function eventBytes(event: NewDeviceEvent): number {
  const texts = [
    event.messageId,
    event.correlationId,
    event.userId,
    event.to,
    event.contentType,
    event.contentEncoding,
    event.componentName,
    event.interfaceId,
    ...Object.entries(event.properties).flat(),
  ];
  return texts.reduce(
    (total, text) => total + (text === undefined ? 0 : Buffer.byteLength(text)),
    event.body.length,
  );
}

/** Of one message, or of all in one batch; throws `messageTooLarge`. */
export function checkEventBytes(bytes: number): void {
  if (bytes <= MAX_EVENT_BYTES) return;
  throw new HubError(
    'messageTooLarge',
    `The message has ${bytes} bytes with its properties; at most ${MAX_EVENT_BYTES} are allowed`,
  );
}
