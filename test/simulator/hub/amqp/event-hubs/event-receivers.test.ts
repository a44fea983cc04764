import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  earliestEventPosition,
  latestEventPosition,
  type EventHubConsumerClient,
  type EventPosition,
  type SubscribeOptions,
} from '@azure/event-hubs';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import { WebSocket } from 'ws';
import { until } from '../../../../support/until.ts';
import { startEventHub, type EventHub, type Reading } from './event-hub.ts';

/** The official Event Hubs client on the hub's built-in endpoint. */
let eventHub: EventHub;
let client: EventHubConsumerClient;
const readings: Reading[] = [];

beforeAll(async () => {
  eventHub = await startEventHub({ consumerGroups: ['downlink'], ports: { plainAmqp: 0 } });
  client = eventHub.client();
});
afterEach(async () => {
  await Promise.all(readings.splice(0).map(async (reading) => reading.close()));
  await until('no readers', () => eventHub.hub.state.events.readers.list().length === 0);
  eventHub.hub.state.events.clear();
});
afterAll(async () => {
  await eventHub.stop();
});

function read(
  from: EventPosition,
  options: SubscribeOptions = {},
  reader: EventHubConsumerClient = eventHub.client(),
): Reading {
  const reading = eventHub.read(reader, from, options);
  readings.push(reading);
  return reading;
}

async function untilReaders(count: number): Promise<void> {
  await until(`${count} readers`, () => eventHub.hub.state.events.readers.list().length === count);
}

function withKeyOf(policyName: string): string {
  return eventHub.hub.eventHubConnectionString(policyName);
}

describe('{event hub}/ConsumerGroups/{group}/Partitions/{partition}', () => {
  test('brings an event of a device with all that the hub knows of it', async () => {
    const mqtt = device.Client.fromConnectionString(
      eventHub.hub
        .deviceConnectionString('device-1')
        .concat(`;GatewayHostName=localhost:${eventHub.hub.ports.mqtt}`),
      deviceMqtt.Mqtt,
    );
    const event = new device.Message('{"t":21}');
    const system = { messageId: 'm-1', correlationId: 'c-1' };
    Object.assign(event, system, { contentType: 'application/json', contentEncoding: 'utf-8' });
    event.properties.add('downlink-receipt', 'ok');
    await mqtt.sendEvent(event);
    await mqtt.close();

    const reading = read(earliestEventPosition);
    await reading.untilCount(1);

    const { generationId } = eventHub.hub.state.registry.get('device-1');
    const enqueuedAt = eventHub.clock.now();
    expect(reading.events).toMatchObject([
      {
        body: { t: 21 },
        properties: { 'downlink-receipt': 'ok' },
        enqueuedTimeUtc: new Date(enqueuedAt),
        systemProperties: {
          ...system,
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          'iothub-connection-device-id': 'device-1',
          'iothub-connection-auth-generation-id': generationId,
          'iothub-connection-auth-method': expect.stringContaining('"scope":"device"'),
          'iothub-enqueuedtime': enqueuedAt,
          'iothub-message-source': 'Telemetry',
        },
      },
    ]);
  });

  test('is read from a number, an offset and a time, with and without the event there, and from both ends', async () => {
    for (const text of ['a', 'b', 'c']) {
      eventHub.send(text);
      eventHub.clock.advance(1_000);
    }
    const [partition] = eventHub.hub.state.events.partitions();
    const second = partition?.after(partition.after(-1)?.sequenceNumber ?? -1);
    if (!second) throw new Error('There are not two events');
    const { sequenceNumber, offset, enqueuedAt } = second;
    const latest = read(latestEventPosition);
    await untilReaders(1);
    const positions: [EventPosition, string[]][] = [
      [earliestEventPosition, ['a', 'b', 'c', 'd']],
      [{ sequenceNumber }, ['c', 'd']],
      [{ sequenceNumber, isInclusive: true }, ['b', 'c', 'd']],
      [{ offset: String(offset), isInclusive: true }, ['b', 'c', 'd']],
    ];
    const started = positions.map(([from]) => read(from));
    await untilReaders(5);
    eventHub.send('d');

    await Promise.all(
      started.map(async (each, place) => each.untilCount(positions[place]?.[1].length ?? 0)),
    );
    await latest.untilCount(1);

    expect(started.map((each) => each.texts())).toEqual(positions.map(([, texts]) => texts));
    expect(latest.texts()).toEqual(['d']);
    await Promise.all(readings.splice(0).map(async (reading) => reading.close()));
    const byTime = read({ enqueuedOn: enqueuedAt });
    await byTime.untilCount(2);
    expect(byTime.texts()).toEqual(['c', 'd']);
  });

  test('tells with each event how far the partition is, if asked', async () => {
    for (const text of ['a', 'b', 'c']) eventHub.send(text);
    const told: unknown[] = [];
    const subscription = client.subscribe(
      '0',
      {
        processEvents: async (_events, context) => {
          told.push(context.lastEnqueuedEventProperties);
        },
        processError: async () => {},
      },
      { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true },
    );

    await until('an event', () => told.length > 0);
    await subscription.close();

    const { lastSequenceNumber } = eventHub.hub.state.events.partition('0')?.properties() ?? {};
    expect(told[0]).toMatchObject({
      sequenceNumber: lastSequenceNumber,
      enqueuedOn: new Date(eventHub.clock.now()),
    });
  });

  test('is there for the groups that the hub has, each on its own', async () => {
    const other = read(
      latestEventPosition,
      { ownerLevel: 1 },
      eventHub.client(undefined, 'Downlink'),
    );
    const own = read(latestEventPosition, { ownerLevel: 1 });
    await untilReaders(2);
    eventHub.send('for both');
    await Promise.all([own.untilCount(1), other.untilCount(1)]);

    expect([own.texts(), other.texts()]).toEqual([['for both'], ['for both']]);
  });

  test.each([
    [
      'WebSockets',
      () => withKeyOf('service').replace(/localhost:\d+/, 'localhost'),
      { webSocketOptions: { webSocket: WebSocket } },
    ],
    [
      'AMQP without TLS',
      () =>
        `${withKeyOf('service').replace(/localhost:\d+/, `localhost:${eventHub.hub.ports.plainAmqp}`)};UseDevelopmentEmulator=true`,
      {},
    ],
    [
      "the hub's own address",
      () => withKeyOf('iothubowner').replace(/EntityPath=.*/, 'EntityPath=messages/events'),
      {},
    ],
  ])('is reached over %s', async (_, connectionString, options) => {
    const other = eventHub.client(connectionString(), '$Default', options);
    eventHub.send('hello');

    const reading = read(earliestEventPosition, {}, other);
    await reading.untilCount(1);

    expect(await other.getPartitionIds()).toEqual(['0']);
    expect(reading.texts()).toEqual(['hello']);
  });

  test('brings a backlog of large events to one who asks for all of it at once', async () => {
    const body = 'x'.repeat(200_000);
    for (let count = 0; count < 120; count++) eventHub.send(body);

    const reading = read(earliestEventPosition, { maxBatchSize: 200 });
    await reading.untilCount(120);

    const numbers = reading.events.map(({ sequenceNumber }) => sequenceNumber);
    expect(numbers).toEqual(numbers.map((_, place) => (numbers[0] ?? 0) + place));
  });

  test('goes on where it was after the connection was cut', async () => {
    const patient = eventHub.client(undefined, undefined, {
      retryOptions: { maxRetries: 5, retryDelayInMs: 10 },
    });
    const reading = read(latestEventPosition, {}, patient);
    await untilReaders(1);
    eventHub.send('before');
    await until('the first', () => reading.events.length === 1);
    eventHub.hub.amqp.dropConnections();
    eventHub.send('meanwhile');

    await until('the second', () => reading.events.length === 2);

    expect(reading.texts()).toEqual(['before', 'meanwhile']);
  });
});

describe('$management', () => {
  test('tells of the event hub and its partitions', async () => {
    const properties = await client.getEventHubProperties();
    const empty = await client.getPartitionProperties('0');
    eventHub.send('a');
    const filled = await client.getPartitionProperties('0');

    expect(properties).toMatchObject({ name: 'iothub-ehub-localhost', partitionIds: ['0'] });
    expect(empty).toMatchObject({ isEmpty: true, partitionId: '0' });
    expect(filled).toMatchObject({
      isEmpty: false,
      lastEnqueuedSequenceNumber: empty.lastEnqueuedSequenceNumber + 1,
      beginningSequenceNumber: empty.lastEnqueuedSequenceNumber + 1,
      lastEnqueuedOnUtc: new Date(eventHub.clock.now()),
    });
  });

  test('does not know a partition that the hub has not', async () => {
    await expect(client.getPartitionProperties('9')).rejects.toMatchObject({
      code: 'MessagingEntityNotFoundError',
    });
  });
});
