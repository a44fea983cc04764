import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import iothub from 'azure-iothub';
import iotCommon from 'azure-iot-common';
import iotDevice, { type Client, type Twin } from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';
import { until } from '../../../support/until.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';

describe('the twin of a device of the official SDK', () => {
  let hub: SimulatedHub;
  let undo: () => void;
  let client: Client;
  let twin: Twin;
  let registry: iothub.Registry;
  const heard: Record<string, unknown>[] = [];

  beforeAll(async () => {
    hub = await startHub({ devices: [{ deviceId: 'device-1' }] });
    const ports = { 443: hub.ports.https, 8883: hub.ports.mqtt };
    const { certificateAuthorityPem } = hub;
    undo = mapPorts({ hostName: 'localhost', ports, certificateAuthorityPem });
    registry = iothub.Registry.fromConnectionString(hub.connectionString('service'));
    hub.state.twins.patch('device-1', { tags: { secret: 1 }, desired: { level: 1, gone: 1 } });
    const text = hub.deviceConnectionString('device-1');
    client = iotDevice.Client.fromConnectionString(text, deviceMqtt.Mqtt);
    client.setRetryPolicy(new iotCommon.NoRetry());
    await client.open();
    twin = await client.getTwin();
    twin.on('properties.desired', (delta: Record<string, unknown>) => {
      // The SDK goes on changing the first one.
      heard.push(structuredClone(delta));
    });
    await until('the subscription', () =>
      hub.log.entries().some(({ detail }) => detail?.['kind'] === 'twinDesiredProperties'),
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

  test('is read without tags and metadata', () => {
    expect(twin.properties.desired).toEqual({ level: 1, gone: 1, $version: 2 });
    expect(JSON.stringify(twin.properties)).not.toMatch(/secret|metadata/);
  });

  test('follows what the back end desires, as a delta', async () => {
    const desired = { level: 2, gone: null, nested: { a: 1 } };

    const { responseBody } = await registry.updateTwin(
      'device-1',
      { properties: { desired } },
      '*',
    );

    expect(await told(3)).toEqual({ ...desired, $version: 3 });
    expect(twin.properties.desired).toEqual({ level: 2, nested: { a: 1 }, $version: 3 });
    expect(responseBody.properties.desired).toMatchObject({ level: 2, $version: 3 });
  });

  test('is empty for the device too after the back end cleared it', async () => {
    await registry.updateTwin('device-1', { properties: { desired: null } }, '*');

    expect(await told(4)).toEqual({ level: null, nested: null, $version: 4 });
    expect(twin.properties.desired).toEqual({ $version: 4 });
  });

  test('reports to the back end', async () => {
    await new Promise<void>((resolve, reject) => {
      twin.properties.reported['update']({ battery: 55, mode: { eco: true } }, (error: unknown) =>
        error instanceof Error ? reject(error) : resolve(),
      );
    });

    const { responseBody } = await registry.getTwin('device-1');

    expect(responseBody.properties.reported).toMatchObject({ battery: 55, mode: { eco: true } });
  });

  test('tells the device what is wrong with its report', async () => {
    const report = new Promise<unknown>((resolve) => {
      twin.properties.reported['update']({ 'a.b': 1 }, resolve);
    });

    expect(String(await report)).toContain('properties.reported has a key');
  });

  test('of an old ETag is refused to the back end', async () => {
    const update = registry.updateTwin('device-1', { tags: { a: 1 } }, 'abc');

    await expect(update).rejects.toMatchObject({ name: 'InvalidEtagError' });
  });
});

describe('the topics of the twin', () => {
  const RESPONSES = '$iothub/twin/res/#';
  const DESIRED = '$iothub/twin/PATCH/properties/desired/#';
  const REPORTED = '$iothub/twin/PATCH/properties/reported/?$rid=a1';
  let hub: MqttHub;

  beforeAll(async () => {
    hub = await startMqttHub();
  });
  afterAll(async () => {
    await hub.stop();
  });
  afterEach(() => {
    hub.state.twins.patch('device-1', { desired: null });
  });

  async function connected(...filters: string[]) {
    const client = await hub.connectRaw({ clean: true });
    await client.connected();
    for (const filter of filters) {
      await client.subscribe(filter, 0);
    }
    return client;
  }

  test('answer a read with 200 and a report with 204 and the new version', async () => {
    const client = await connected(RESPONSES);
    client.publish('$iothub/twin/GET/?$rid=r-1', ' ', { qos: 0 });
    const read = await client.next('publish');
    client.publish(REPORTED, '{"a":1}', { qos: 0 });
    const reported = await client.next('publish');

    expect(read.topic).toBe('$iothub/twin/res/200/?$rid=r-1');
    expect(JSON.parse(read.payload.toString())).toMatchObject({ desired: { $version: 1 } });
    expect(reported.topic).toBe('$iothub/twin/res/204/?$rid=a1&$version=2');
    expect(reported.payload.toString()).toBe('');
  });

  test.each(['', '[]', 'null', '{', '{"a":"\u0000', '{"a b":1}'])(
    'answer the report %j with 400 and stay open',
    async (payload) => {
      const client = await connected(RESPONSES);
      client.publish(REPORTED, payload, { qos: 0 });
      const answer = await client.next('publish');
      await client.settled();

      expect(answer.topic).toBe('$iothub/twin/res/400/?$rid=a1');
      expect(JSON.parse(answer.payload.toString())).toMatchObject({ errorCode: 400004 });
    },
  );

  test('say nothing to a device that has not subscribed, or no longer', async () => {
    const client = await connected(DESIRED);
    client.publish('$iothub/twin/GET/?$rid=r-1', '', { qos: 0 });
    client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: [DESIRED] });
    await client.next('unsuback');
    hub.state.twins.patch('device-1', { desired: { a: 1 } });
    await client.settled();

    expect(client.received('publish')).toEqual([]);
  });

  test('pass changes on after a reconnection of the same session, but none that were missed', async () => {
    const first = await hub.connectRaw({ clean: false });
    await first.connected();
    await first.subscribe(DESIRED, 0);
    first.end();
    await until(
      'the end',
      () => hub.state.registry.get('device-1').connectionState === 'Disconnected',
    );
    hub.state.twins.patch('device-1', { desired: { missed: 1 } });
    const second = await hub.connectRaw({ clean: false });
    await second.connected();
    const { version } = hub.state.twins.patch('device-1', { desired: { a: 1 } }).desired;

    const { topic, payload } = await second.next('publish');

    expect(topic).toBe(`$iothub/twin/PATCH/properties/desired/?$version=${version}`);
    expect(JSON.parse(payload.toString())).toEqual({ a: 1, $version: version });
    const sent = hub.log.entries().filter(({ event }) => event === 'desired properties');
    expect(sent.filter(({ detail }) => detail?.['version'] === version)).toHaveLength(1);
  });
});
