import rhea from 'rhea';
import type { Message } from 'rhea';
import type { DeviceEvent } from '../../state/device-event.ts';
import type { PartitionProperties } from '../../state/event-partition.ts';

/** As the built-in endpoint hands it out. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct */
export function eventMessage(event: DeviceEvent): Message {
  const sections = {
    message_id: event.messageId,
    correlation_id: event.correlationId,
    user_id: event.userId,
    to: event.to,
    content_type: event.contentType,
    content_encoding: event.contentEncoding,
    absolute_expiry_time: dateOf(event.expiresAt),
    creation_time: dateOf(event.createdAt),
  };
  return {
    ...withoutAbsent(sections),
    message_annotations: annotations(event),
    application_properties: { ...event.properties },
    body: rhea.message.data_section(event.body),
  };
}

function annotations(event: DeviceEvent): Record<string, unknown> {
  return withoutAbsent({
    'x-opt-sequence-number': rhea.types.wrap_long(event.sequenceNumber),
    'x-opt-offset': String(event.offset),
    'x-opt-enqueued-time': rhea.types.wrap_timestamp(event.enqueuedAt),
    'iothub-connection-device-id': event.deviceId,
    'iothub-connection-module-id': event.moduleId,
    'iothub-connection-auth-method': event.authMethod,
    'iothub-connection-auth-generation-id': event.generationId,
    'iothub-enqueuedtime': rhea.types.wrap_timestamp(event.enqueuedAt),
    'iothub-message-source': 'Telemetry',
    'iothub-interface-id': event.interfaceId,
    'iothub-creation-time-utc':
      event.createdAt === undefined ? undefined : rhea.types.wrap_timestamp(event.createdAt),
    'dt-dataschema': event.modelId,
    'dt-subject': event.componentName,
  });
}

/** For those who asked to be told, with every event, how far the partition is. */
export function runtimeMetrics(
  { lastSequenceNumber, lastOffset, lastEnqueuedAt }: PartitionProperties,
  now: number,
): Record<string, unknown> {
  return {
    last_enqueued_sequence_number: rhea.types.wrap_long(lastSequenceNumber),
    last_enqueued_offset: String(lastOffset),
    last_enqueued_time_utc: rhea.types.wrap_timestamp(lastEnqueuedAt ?? 0),
    runtime_info_retrieval_time_utc: rhea.types.wrap_timestamp(now),
  };
}

function dateOf(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

function withoutAbsent(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
