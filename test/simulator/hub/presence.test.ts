import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iotDevice, { type Client, type ModuleClient } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
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
let hub: SimulatedHub;
let undo: () => void;
let devices = 0;
const clients: (Client | ModuleClient)[] = [];
beforeAll(async () => {
  hub = await startHub();
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

/** Connected and ready for what comes: messages to a device, methods of a module. */
async function connect(transport: TransportName, key: string): Promise<Connected> {
  const [deviceId = '', moduleId] = key.split('/');
  const messages: string[] = [];
  let isDisconnected = false;
  const text = hub.deviceConnectionString(deviceId, moduleId);
  const client =
    moduleId === undefined
      ? iotDevice.Client.fromConnectionString(text, TRANSPORTS[transport])
      : iotDevice.ModuleClient.fromConnectionString(text, TRANSPORTS[transport]);
  clients.push(client);
  client.setRetryPolicy(new iotCommon.NoRetry());
  client.on('disconnect', () => {
    isDisconnected = true;
  });
  client.on('error', () => {});
  await client.open();
  if (client instanceof iotDevice.ModuleClient) client.onMethod('m', () => {});
  else {
    client.on('message', (message: iotDevice.Message) => {
      messages.push(message.messageId);
      void client.complete(message);
    });
  }
  await until('the links or subscriptions', () =>
    hub.log
      .entries()
      .some(
        ({ event, detail = {} }) =>
          (event === 'subscribe' && detail['deviceId'] === key) ||
          (event === 'attach' &&
            String(detail['address']).includes(`/${key.replace('/', '/modules/')}/`)),
      ),
  );
  await until('its connection', () => connectionState(key) === 'Connected');
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
    await until('the message', () => newer.messages.length === 1);

    expect([old.messages, newer.isDisconnected()]).toEqual([[], false]);
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
    const [device, module] = [
      await connect(transport, deviceId),
      await connect(transport, `${deviceId}/m`),
    ];
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
