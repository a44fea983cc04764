import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import device, { type Client, type Message } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import type { NewCloudToDeviceMessage } from '../../../../simulator/hub/state/cloud-to-device-message.ts';
import { until } from '../../../support/until.ts';
import { aMessage, eventsOf } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';

/** The official device SDK over AMQP. */
let hub: AmqpHub;
const clients: Client[] = [];
let devices = 0;
beforeAll(async () => {
  hub = await startAmqpHub();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close().catch(() => {})));
});
afterAll(async () => {
  await hub.stop();
});

function newDevice(prefix = 'sdk'): string {
  const deviceId = `${prefix}-${++devices}`;
  hub.state.registry.create({ deviceId });
  return deviceId;
}

function newClient(deviceId: string, key = hub.state.registry.get(deviceId).primaryKey): Client {
  const client = device.Client.fromConnectionString(
    `HostName=localhost;DeviceId=${deviceId};SharedAccessKey=${key}`,
    deviceAmqp.Amqp,
  );
  client.setRetryPolicy(new common.NoRetry());
  clients.push(client);
  return client;
}

function enqueue(deviceId: string, changes: Partial<NewCloudToDeviceMessage> = {}): void {
  hub.state.cloudToDevice.enqueue(deviceId, aMessage({ ack: 'full', ...changes }));
}

/** What the journal says became of a device's messages. */
function fates(deviceId: string): string[] {
  return hub.history
    .filter((event) => event.deviceId === deviceId && event.type !== 'enqueued')
    .map(({ type, messageId }) => `${type} ${messageId ?? ''}`);
}

function listen(client: Client): Message[] {
  const messages: Message[] = [];
  client.on('message', (message: Message) => messages.push(message));
  return messages;
}

describe('/devices/{deviceId}/messages/devicebound', () => {
  test('brings a message with all that it carries', async () => {
    const deviceId = newDevice('a+b:(1)%25');
    const expiresAt = hub.clock.now() + 600_000;
    const messageId = '0b8a3a5e-7a6c-4a43-9a2d-1f0b6f3b2c11';
    const received = listen(newClient(deviceId));
    enqueue(deviceId, {
      messageId,
      correlationId: 'order-7',
      userId: 'us-er',
      to: `/devices/${encodeURIComponent(deviceId)}/messages/devicebound`,
      body: Buffer.from([0, 255, 10]),
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { colour: 'red', empty: '' },
      expiresAt,
    });
    enqueue(deviceId, { messageId: 'empty', body: Buffer.alloc(0), ack: 'none' });

    await until('two messages', () => received.length === 2);

    const [full, empty] = received;
    expect(full).toMatchObject({ messageId, correlationId: 'order-7', ack: 'full' });
    expect(full).toMatchObject({ contentType: 'application/json', contentEncoding: 'utf-8' });
    expect(full?.to).toBe(`/devices/${encodeURIComponent(deviceId)}/messages/devicebound`);
    expect(Number(full?.expiryTimeUtc)).toBe(expiresAt);
    expect(full?.properties.propertyList).toEqual([
      { key: 'colour', value: 'red' },
      { key: 'empty', value: '' },
    ]);
    expect(full?.getData()).toEqual(Buffer.from([0, 255, 10]));
    expect(full?.transportObj).toMatchObject({ user_id: Buffer.from('us-er') });
    expect(empty).toMatchObject({ messageId: 'empty' });
    expect([empty?.ack, empty?.expiryTimeUtc]).toEqual([undefined, undefined]);
    expect(empty?.getData()).toHaveLength(0);
  });

  test('completes, rejects and abandons as the device says, and delivers again what was abandoned', async () => {
    const deviceId = newDevice();
    const client = newClient(deviceId);
    const deliveryCounts: unknown[] = [];
    client.on('message', (message: Message) => {
      const { messageId } = message;
      const { delivery_count: count } = message.transportObj as { delivery_count?: number };
      if (messageId === 'good') void client.complete(message);
      else if (messageId === 'bad') void client.reject(message);
      else {
        deliveryCounts.push(count ?? 0);
        void client.abandon(message);
      }
    });
    // One by one: of two that the SDK settles at once, both have the outcome of the first.
    for (const messageId of ['good', 'bad', 'never']) {
      enqueue(deviceId, { messageId });
      await until('its end', () => hub.state.cloudToDevice.count(deviceId) === 0);
    }

    expect(fates(deviceId)).toEqual(
      expect.arrayContaining(['completed good', 'rejected bad', 'abandoned never']),
    );
    expect(deliveryCounts).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(fates(deviceId).at(-1)).toBe('deliveryCountExceeded never');
  });

  test('gives back what the device has not settled when its connection goes', async () => {
    const deviceId = newDevice();
    const first = newClient(deviceId);
    const receivedFirst = listen(first);
    enqueue(deviceId, { messageId: 'waits' });
    await until('the message', () => receivedFirst.length === 1);
    await first.close();
    const second = newClient(deviceId);
    second.on('message', (message: Message) => void second.complete(message));

    await until('the end', () => hub.state.cloudToDevice.count(deviceId) === 0);

    expect(fates(deviceId)).toEqual([
      'delivered waits',
      'released waits',
      'delivered waits',
      'completed waits',
    ]);
  });
});

describe('/devices/{deviceId}/methods/devicebound', () => {
  test.each([
    ['null', null],
    ['an empty text', ''],
    ['a text', 'foo'],
    ['an object', { a: [1, { b: null }] }],
  ])('takes %s there and back, with the status of the device', async (_name, payload) => {
    const deviceId = newDevice();
    const client = newClient(deviceId);
    client.onDeviceMethod('echo', (request, response) => {
      void response.send(418, request.payload);
    });
    await client.open();

    const answer = await hub.state.methods.invoke({
      deviceId,
      methodName: 'echo',
      payload: Buffer.from(JSON.stringify(payload)),
      responseTimeoutMs: 30_000,
      connectTimeoutMs: 30_000_000,
    });

    expect(answer.status).toBe(418);
    expect(JSON.parse(answer.payload.toString())).toEqual(payload);
  });
});

describe('/devices/{deviceId}/messages/events', () => {
  test('takes an event, and refuses one that is too large', async () => {
    const deviceId = newDevice();
    const client = newClient(deviceId);

    const taken = await client.sendEvent(new device.Message('22.5'));
    const tooLarge = client.sendEvent(new device.Message('x'.repeat(256 * 1024 + 1)));

    expect(taken.constructor.name).toBe('MessageEnqueued');
    await expect(tooLarge).rejects.toMatchObject({ name: 'MessageTooLargeError' });
    expect(eventsOf(hub.state, deviceId)).toMatchObject([{ body: Buffer.from('22.5') }]);
  });

  test('keeps all that an event carries', async () => {
    const deviceId = newDevice();
    const event = new device.Message('{"t":21}');
    const messageId = '0b8a3a5e-7a6c-4a43-9a2d-1f0b6f3b2c11';
    Object.assign(event, { messageId, correlationId: 'order-7', userId: 'ignored by the SDK' });
    Object.assign(event, { contentType: 'application/json', contentEncoding: 'utf-8' });
    event.properties.add('downlink-receipt', 'ok');
    event.properties.add('dt-subject', 'thermostat');

    await newClient(deviceId).sendEvent(event);

    const { generationId } = hub.state.registry.get(deviceId);
    expect(eventsOf(hub.state, deviceId)).toMatchObject([
      {
        deviceId,
        generationId,
        messageId,
        correlationId: 'order-7',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        componentName: 'thermostat',
        properties: { 'downlink-receipt': 'ok' },
        body: Buffer.from('{"t":21}'),
      },
    ]);
  });
});

describe('A device over AMQP', () => {
  test('is connected as long as it has a link', async () => {
    const deviceId = newDevice();
    const client = newClient(deviceId);
    const state = (): string => hub.state.registry.get(deviceId).connectionState;
    const before = state();
    await client.sendEvent(new device.Message(''));
    const during = state();
    await client.close();

    await until('disconnected', () => state() === 'Disconnected');

    expect([before, during]).toEqual(['Disconnected', 'Connected']);
  });

  test.each(['deleted', 'disabled'] as const)('is told at once when it is %s', async (how) => {
    const deviceId = newDevice();
    const { primaryKey } = hub.state.registry.get(deviceId);
    const client = newClient(deviceId);
    listen(client);
    const gone = new Promise((resolve) => client.once('disconnect', resolve));
    await client.open();
    await until('its link', () => hub.state.registry.get(deviceId).connectionState === 'Connected');

    if (how === 'deleted') hub.state.registry.delete(deviceId);
    else hub.state.registry.update({ deviceId, status: 'disabled' }, '*');

    expect(await gone).toMatchObject({ transportObj: { name: 'UnauthorizedError' } });
    await expect(newClient(deviceId, primaryKey).open()).rejects.toMatchObject({
      name: 'UnauthorizedError',
    });
  });

  test('comes back by itself after its connection or a link was cut', async () => {
    const deviceId = newDevice();
    const client = newClient(deviceId);
    client.setRetryPolicy(new common.ExponentialBackOffWithJitter());
    const disconnects: unknown[] = [];
    client.on('disconnect', (event) => disconnects.push(event));
    client.on('message', (message: Message) => void client.complete(message));
    await client.open();
    const roundTrip = async (messageId: string): Promise<void> => {
      enqueue(deviceId, { messageId });
      await until(messageId, () => hub.state.cloudToDevice.count(deviceId) === 0);
    };
    await roundTrip('before');

    hub.head.dropConnections();
    await roundTrip('after-drop');
    hub.head.detachLinks(`${deviceId}/messages/devicebound`, 'amqp:link:detach-forced');
    await roundTrip('after-detach');

    expect(disconnects).toEqual([]);
  });

  test('may not come in with a wrong key', async () => {
    await expect(newClient(newDevice(), 'd3Jvbmc=').open()).rejects.toMatchObject({
      name: 'UnauthorizedError',
    });
  });
});
