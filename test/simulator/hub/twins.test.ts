import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import iothub from 'azure-iothub';
import iotCommon from 'azure-iot-common';
import iotDevice, { type Client, type Twin } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
import { startHub, type SimulatedHub } from '../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../simulator/loopback/map-ports.ts';
import { until } from '../../support/until.ts';

const isSubscription = (text: unknown): boolean =>
  text === 'PUT' || text === 'twinDesiredProperties';

describe.each([
  ['MQTT', deviceMqtt.Mqtt],
  ['MQTT over WebSockets', deviceMqtt.MqttWs],
  ['AMQP', deviceAmqp.Amqp],
  ['AMQP over WebSockets', deviceAmqp.AmqpWs],
])('the twin of a device of the official SDK over %s', (_name, transport) => {
  let hub: SimulatedHub;
  let undo: () => void;
  let client: Client;
  let twin: Twin;
  let registry: iothub.Registry;
  const heard: Record<string, unknown>[] = [];

  beforeAll(async () => {
    hub = await startHub({ devices: [{ deviceId: 'device-1' }] });
    const ports = { 443: hub.ports.https, 5671: hub.ports.amqp, 8883: hub.ports.mqtt };
    const { certificateAuthorityPem } = hub;
    undo = mapPorts({ hostName: 'localhost', ports, certificateAuthorityPem });
    registry = iothub.Registry.fromConnectionString(hub.connectionString('service'));
    hub.state.twins.patch('device-1', { tags: { secret: 1 }, desired: { level: 1, gone: 1 } });
    const text = hub.deviceConnectionString('device-1');
    client = iotDevice.Client.fromConnectionString(text, transport);
    client.setRetryPolicy(new iotCommon.NoRetry());
    await client.open();
    twin = await client.getTwin();
    twin.on('properties.desired', (delta: Record<string, unknown>) => {
      // The SDK goes on changing the first one.
      heard.push(structuredClone(delta));
    });
    await until('the subscription', () =>
      hub.log
        .entries()
        .some(({ detail = {} }) => [detail['operation'], detail['kind']].some(isSubscription)),
    );
  });
  afterAll(async () => {
    await client.close();
    undo();
    await hub.stop();
  });

  async function told(version: number): Promise<unknown> {
    return until(`version ${version}`, () => heard.find((each) => each['$version'] === version));
  }

  async function report(patch: object): Promise<unknown> {
    return new Promise((resolve) => {
      twin.properties.reported['update'](patch, resolve);
    });
  }

  test('is read without tags and metadata', () => {
    expect(twin.properties.desired).toEqual({ level: 1, gone: 1, $version: 2 });
    expect(JSON.stringify(twin.properties)).not.toMatch(/secret|metadata/);
  });

  test('follows what the back end desires, as a delta', async () => {
    const desired = { level: 2, gone: null, nested: { a: 1 } };

    await registry.updateTwin('device-1', { properties: { desired } }, '*');

    expect(await told(3)).toEqual({ ...desired, $version: 3 });
    expect(twin.properties.desired).toEqual({ level: 2, nested: { a: 1 }, $version: 3 });
  });

  test('of an old ETag is refused to the back end', async () => {
    const update = registry.updateTwin('device-1', { tags: { a: 1 } }, 'abc');

    await expect(update).rejects.toMatchObject({ name: 'InvalidEtagError' });
  });

  test('is empty for the device too after the back end cleared it', async () => {
    await registry.updateTwin('device-1', { properties: { desired: null } }, '*');

    expect(await told(4)).toEqual({ level: null, nested: null, $version: 4 });
    expect(twin.properties.desired).toEqual({ $version: 4 });
  });

  test('reports to the back end, null deletes', async () => {
    const refusals = [
      await report({ battery: 55, mode: { eco: true } }),
      await report({ battery: null }),
    ];

    const { responseBody } = await registry.getTwin('device-1');

    expect(refusals).toEqual([null, null]);
    expect(responseBody.properties.reported).toMatchObject({ mode: { eco: true }, $version: 3 });
    expect(responseBody.properties.reported).not.toHaveProperty('battery');
  });

  test.each([
    ['has a forbidden key', { 'a.b': 1 }, 'properties.reported has a key'],
    ['is too large', { a: Array(9).fill('x'.repeat(4000)) }, 'at most 32768 are allowed'],
  ])('refuses a report that %s', async (_case, patch, message) => {
    const refusal = await report(patch);

    expect(String(refusal)).toContain(message);
  });
});
