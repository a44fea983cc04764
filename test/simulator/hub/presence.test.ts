import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iotDevice, { type Client, type ModuleClient } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
import { ManualClock } from '../../../simulator/hub/state/clock.ts';
import { startHub, type SimulatedHub } from '../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../simulator/loopback/map-ports.ts';
import { until } from '../../support/until.ts';
import { aMessage } from './state/builders.ts';

const { Mqtt, MqttWs } = deviceMqtt;
const { Amqp, AmqpWs } = deviceAmqp;
const TRANSPORTS = { Mqtt, MqttWs, Amqp, AmqpWs };
type TransportName = keyof typeof TRANSPORTS;
const NAMES = ['Mqtt', 'MqttWs', 'Amqp', 'AmqpWs'] as const;

/** The official SDK without retries: what the hub does to a connection shows as it is. */
const wallClock = new ManualClock(Date.now());
let hub: SimulatedHub;
let undo: () => void;
let devices = 0;
const clients: (Client | ModuleClient)[] = [];
beforeAll(async () => {
  hub = await startHub({ wallClock });
  const ports = { 443: hub.ports.https, 5671: hub.ports.amqp, 8883: hub.ports.mqtt };
  const { certificateAuthorityPem } = hub;
  undo = mapPorts({ hostName: 'localhost', ports, certificateAuthorityPem });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close().catch(() => {})));
});
afterAll(async () => {
  undo();
  await hub.stop();
});

function newDevice(): string {
  const deviceId = `device-${++devices}`;
  hub.state.registry.create({ deviceId });
  return deviceId;
}

interface Connected {
  readonly client: Client | ModuleClient;
  readonly messages: string[];
  readonly isDisconnected: () => boolean;
}

const connectionState = (key: string) => hub.state.registry.get(key).connectionState;

function clientOf(transport: TransportName, key: string): Client | ModuleClient {
  const [deviceId = '', moduleId] = key.split('/');
  const text = hub.deviceConnectionString(deviceId, moduleId);
  return moduleId === undefined
    ? iotDevice.Client.fromConnectionString(text, TRANSPORTS[transport])
    : iotDevice.ModuleClient.fromConnectionString(text, TRANSPORTS[transport]);
}

function tokenOf(key: string, lifetimeSeconds: number): string {
  const resource = `localhost/devices/${key.replace('/', '/modules/')}`;
  const expiry = Math.floor(wallClock.now() / 1000) + lifetimeSeconds;
  const { primaryKey } = hub.state.registry.get(key);
  return iotCommon.SharedAccessSignature.create(
    encodeURIComponent(resource),
    '',
    primaryKey,
    expiry,
  ).toString();
}

/** Connected and ready for what comes: messages to a device, methods of a module. */
async function connect(
  transport: TransportName,
  key: string,
  client = clientOf(transport, key),
): Promise<Connected> {
  const messages: string[] = [];
  let isDisconnected = false;
  clients.push(client);
  client.setRetryPolicy(new iotCommon.NoRetry());
  client.on('disconnect', () => {
    isDisconnected = true;
  });
  client.on('error', () => {});
  await client.open();
  // What comes through shows that all links and subscriptions stand: else the SDK hangs when they end.
  if (client instanceof iotDevice.ModuleClient) {
    client.onMethod('ping', (_request, response) => void response?.send(200));
    await hub.state.methods.invoke({
      deviceId: key,
      methodName: 'ping',
      payload: Buffer.from('null'),
      connectTimeoutMs: 10_000,
      responseTimeoutMs: 10_000,
    });
  } else {
    client.on('message', (message: iotDevice.Message) => {
      messages.push(message.messageId);
      void client.complete(message);
    });
    // An older connection may take the first.
    await until('a message', () => {
      if (hub.state.cloudToDevice.count(key) === 0)
        hub.state.cloudToDevice.enqueue(key, aMessage({ messageId: 'ping' }));
      return messages.length > 0;
    });
    await until('an empty queue', () => hub.state.cloudToDevice.count(key) === 0);
  }
  return { client, messages, isDisconnected: () => isDisconnected };
}

describe('a second connection of a device', () => {
  test.each([
    ['Mqtt', 'Amqp'],
    ['Amqp', 'Mqtt'],
    ['MqttWs', 'AmqpWs'],
    ['AmqpWs', 'MqttWs'],
    ['Mqtt', 'MqttWs'],
    ['Amqp', 'AmqpWs'],
  ] as const)('ends the first, %s by %s, and gets what comes', async (first, second) => {
    const deviceId = newDevice();
    const old = await connect(first, deviceId);

    const newer = await connect(second, deviceId);
    await until('the end of the first', old.isDisconnected);
    hub.state.cloudToDevice.enqueue(deviceId, aMessage({ messageId: 'm' }));
    await until('the message', () => newer.messages.includes('m'));

    expect([old.messages.includes('m'), newer.isDisconnected()]).toEqual([false, false]);
    expect(connectionState(deviceId)).toBe('Connected');
  });

  test('leaves its modules alone', async () => {
    const deviceId = newDevice();
    hub.state.registry.create({ deviceId, moduleId: 'm' });
    const module = await connect('Amqp', `${deviceId}/m`);
    const old = await connect('Amqp', deviceId);

    await connect('Mqtt', deviceId);
    await until('the end of the first', old.isDisconnected);

    expect([module.isDisconnected(), connectionState(`${deviceId}/m`)]).toEqual([
      false,
      'Connected',
    ]);
  });
});

describe.each(NAMES)('a device and its module on %s', (transport) => {
  test.each([
    [
      'disabled',
      (deviceId: string) => hub.state.registry.update({ deviceId, status: 'disabled' }, '*'),
    ],
    ['deleted', (deviceId: string) => hub.state.registry.delete(deviceId)],
  ])('are disconnected when the device is %s, and stay out', async (_what, revoke) => {
    const deviceId = newDevice();
    hub.state.registry.create({ deviceId, moduleId: 'm' });
    const [device, module] = await Promise.all([
      connect(transport, deviceId),
      connect(transport, `${deviceId}/m`),
    ]);
    const texts = [hub.deviceConnectionString(deviceId), hub.deviceConnectionString(deviceId, 'm')];

    revoke(deviceId);
    await until('both ends', () => device.isDisconnected() && module.isDisconnected());

    for (const text of texts) {
      const again = iotDevice.Client.fromConnectionString(text, TRANSPORTS[transport]);
      again.setRetryPolicy(new iotCommon.NoRetry());
      await expect(again.open()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    }
    for (const key of [deviceId, `${deviceId}/m`])
      expect(hub.state.registry.find(key)?.connectionState ?? 'Disconnected').toBe('Disconnected');
  });
});

describe.each(NAMES)('a token of 30 s on %s', (transport) => {
  test('ends the connection of a device, and of a module, with it', async () => {
    const deviceId = newDevice();
    const moduleKey = `${deviceId}/m`;
    hub.state.registry.create({ deviceId, moduleId: 'm' });
    const { Client, ModuleClient } = iotDevice;
    const [device, module] = await Promise.all([
      connect(
        transport,
        deviceId,
        Client.fromSharedAccessSignature(tokenOf(deviceId, 30), TRANSPORTS[transport]),
      ),
      connect(
        transport,
        moduleKey,
        ModuleClient.fromSharedAccessSignature(tokenOf(moduleKey, 30), TRANSPORTS[transport]),
      ),
    ]);

    wallClock.advance(31_000);
    await until('both ends', () => device.isDisconnected() && module.isDisconnected());

    expect([deviceId, moduleKey].map(connectionState)).toEqual(['Disconnected', 'Disconnected']);
  });
});

/** Over MQTT the SDK connects anew, which the conformance runs show. */
describe.each(['Amqp', 'AmqpWs'] as const)('a token of 30 s on %s', (transport) => {
  test('may be renewed, and the connection goes on', async () => {
    const deviceId = newDevice();
    const client = iotDevice.Client.fromSharedAccessSignature(
      tokenOf(deviceId, 30),
      TRANSPORTS[transport],
    );
    const connected = await connect(transport, deviceId, client);

    const seen = hub.log.entries().at(-1)?.ordinal ?? 0;
    client.updateSharedAccessSignature(tokenOf(deviceId, 3600));
    await until('the new token', () =>
      hub.log.entries().some(({ ordinal, event }) => ordinal > seen && event === 'put-token'),
    );
    wallClock.advance(31_000);
    await until('its connection', () => connectionState(deviceId) === 'Connected');
    hub.state.cloudToDevice.enqueue(deviceId, aMessage({ messageId: 'late' }));
    await until('the message', () => connected.messages.includes('late'));

    expect(connected.isDisconnected()).toBe(false);
  });
});
