import type { ReceivedEventData } from '@azure/event-hubs';
import type { InvocationInput, TypedData } from '../core-module/core-types.ts';
import type { EventHubTrigger } from './event-hub-trigger.ts';

export interface EventSource {
  readonly fullyQualifiedNamespace: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  readonly partitionId: string;
}

/** The names that .NET, on which the real host runs, has for the properties section of AMQP. */
const SYSTEM_NAMES: Readonly<Record<string, string>> = {
  messageId: 'message-id',
  userId: 'user-id',
  to: 'to',
  subject: 'subject',
  replyTo: 'reply-to',
  correlationId: 'correlation-id',
  contentType: 'content-type',
  contentEncoding: 'content-encoding',
  absoluteExpiryTime: 'absolute-expiry-time',
  creationTime: 'creation-time',
  groupId: 'group-id',
  groupSequence: 'group-sequence',
  replyToGroupId: 'reply-to-group-id',
};
/** Annotations that are times. */
const TIMES = new Set([
  'iothub-enqueuedtime',
  'iothub-creation-time-utc',
  'absoluteExpiryTime',
  'creationTime',
]);

/** What the real host hands to a function that takes one event at a time. */
export function oneEventInput(
  trigger: Pick<EventHubTrigger, 'bindingName' | 'isBinary'>,
  event: ReceivedEventData,
  source: EventSource,
): InvocationInput {
  const body = bodyOf(event);
  return {
    inputData: [
      {
        name: trigger.bindingName,
        data: trigger.isBinary ? { bytes: body } : { string: body.toString() },
      },
    ],
    triggerMetadata: {
      PartitionContext: json(partitionContext(source)),
      PartitionKey: json(event.partitionKey ?? null),
      Offset: { string: event.offset },
      SequenceNumber: json(event.sequenceNumber),
      EnqueuedTimeUtc: json(event.enqueuedTimeUtc),
      Properties: json(event.properties ?? {}),
      SystemProperties: json(systemProperties(event)),
    },
  };
}

/** To one that takes many. */
export function manyEventsInput(
  trigger: Pick<EventHubTrigger, 'bindingName' | 'isBinary'>,
  events: readonly ReceivedEventData[],
  source: EventSource,
): InvocationInput {
  const bodies = events.map(bodyOf);
  const data: TypedData = trigger.isBinary
    ? { collectionBytes: { bytes: bodies } }
    : { collectionString: { string: bodies.map((body) => body.toString()) } };
  return {
    inputData: [{ name: trigger.bindingName, data }],
    triggerMetadata: {
      PartitionContext: json(partitionContext(source)),
      PartitionKeyArray: json(events.map((event) => event.partitionKey ?? null)),
      OffsetArray: json(events.map((event) => event.offset)),
      SequenceNumberArray: json(events.map((event) => event.sequenceNumber)),
      EnqueuedTimeUtcArray: json(events.map((event) => event.enqueuedTimeUtc)),
      PropertiesArray: json(events.map((event) => event.properties ?? {})),
      SystemPropertiesArray: json(events.map(systemProperties)),
    },
  };
}

/** For a run by hand: there is no event behind it. */
export function manualEventInput(
  { bindingName, isMany }: Pick<EventHubTrigger, 'bindingName' | 'isMany'>,
  text: string,
): InvocationInput {
  const data: TypedData = isMany ? { collectionString: { string: [text] } } : { string: text };
  return { inputData: [{ name: bindingName, data }], triggerMetadata: {} };
}

function partitionContext(source: EventSource): Record<string, string> {
  return {
    FullyQualifiedNamespace: source.fullyQualifiedNamespace,
    EventHubName: source.eventHubName,
    ConsumerGroup: source.consumerGroup,
    PartitionId: source.partitionId,
  };
}

function systemProperties(event: ReceivedEventData): Record<string, unknown> {
  const named = Object.entries(event.systemProperties ?? {}).map(([name, value]) => [
    SYSTEM_NAMES[name] ?? name,
    plain(name, value),
  ]);
  return {
    ...Object.fromEntries(named),
    SequenceNumber: event.sequenceNumber,
    Offset: event.offset,
    PartitionKey: event.partitionKey ?? null,
    EnqueuedTimeUtc: event.enqueuedTimeUtc,
  };
}

function plain(name: string, value: unknown): unknown {
  if (TIMES.has(name) && typeof value === 'number') return new Date(value);
  // user-id is bytes in AMQP.
  return Buffer.isBuffer(value) ? value.toString() : value;
}

/** Left as it came: the library parses what is JSON. */
function bodyOf({ body }: ReceivedEventData): Buffer {
  const given: unknown = body;
  if (Buffer.isBuffer(given)) return given;
  if (given === undefined || given === null) return Buffer.alloc(0);
  return Buffer.from(typeof given === 'string' ? given : JSON.stringify(given));
}

function json(value: unknown): TypedData {
  return { json: JSON.stringify(value) };
}
