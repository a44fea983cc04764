// @azure/event-hubs: node event-hubs.js amqp|amqp-ws
import {
  earliestEventPosition,
  EventHubConsumerClient,
  latestEventPosition,
} from '@azure/event-hubs';
import { WebSocket } from 'ws';
import { Inbox, serve, versionOf } from './program.js';

const OPTIONS = process.argv[2] === 'amqp-ws' ? { webSocketOptions: { webSocket: WebSocket } } : {};

let client;
let subscription;
let events;

const START = {
  earliest: () => earliestEventPosition,
  latest: () => latestEventPosition,
  sequenceNumber: (value) => ({ sequenceNumber: value }),
  offset: (value) => ({ offset: value }),
  time: (value) => ({ enqueuedOn: new Date(value) }),
};

function plain({ body, properties, systemProperties, ...event }) {
  return {
    body: Buffer.from(body ?? '').toString('base64'),
    properties: properties ?? {},
    messageId: event.messageId,
    correlationId: event.correlationId,
    contentType: event.contentType,
    deviceId: systemProperties['iothub-connection-device-id'],
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
  };
}

await serve({
  version: () => versionOf('@azure/event-hubs'),
  connect({ connectionString }) {
    client = new EventHubConsumerClient('$Default', connectionString, OPTIONS);
  },
  async disconnect() {
    await subscription?.close();
    subscription = undefined;
    await client.close();
  },
  partitionIds: () => client.getPartitionIds(),
  async read({ partitionId, position: { kind, value } }) {
    await subscription?.close();
    const inbox = new Inbox();
    events = inbox;
    subscription = client.subscribe(
      partitionId,
      {
        processEvents: async (batch) => batch.forEach((event) => inbox.put(plain(event))),
        processError: async () => {},
      },
      { startPosition: START[kind](value), maxWaitTimeInSeconds: 1 },
    );
  },
  nextEvent: () => events.take(),
});
