import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iotDevice, { type ModuleClient, type Twin } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { startHub, type SimulatedHub } from '../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../simulator/loopback/map-ports.ts';
import { until } from '../../support/until.ts';

/** The official SDKs: the back end makes the module, which then connects. */
let hub: SimulatedHub;
let undo: () => void;
let registry: iothub.Registry;
beforeAll(async () => {
  hub = await startHub({ devices: [{ deviceId: 'gateway' }] });
  const ports = { 443: hub.ports.https, 5671: hub.ports.amqp, 8883: hub.ports.mqtt };
  const { certificateAuthorityPem } = hub;
  undo = mapPorts({ hostName: 'localhost', ports, certificateAuthorityPem });
  registry = iothub.Registry.fromConnectionString(hub.connectionString());
});
afterAll(async () => {
  undo();
  await hub.stop();
});

describe.each([
  ['mqtt', deviceMqtt.Mqtt],
  ['mqtt-ws', deviceMqtt.MqttWs],
  ['amqp', deviceAmqp.Amqp],
  ['amqp-ws', deviceAmqp.AmqpWs],
])('a module of the official SDK over %s', (moduleId, transport) => {
  let client: ModuleClient;
  let twin: Twin;

  beforeAll(async () => {
    await registry.addModule({ deviceId: 'gateway', moduleId });
    const text = hub.deviceConnectionString('gateway', moduleId);
    client = iotDevice.ModuleClient.fromConnectionString(text, transport);
    client.setRetryPolicy(new iotCommon.NoRetry());
    await client.open();
  });
  afterAll(async () => {
    await client.close();
  });

  test('sends events as itself', async () => {
    const message = new iotDevice.Message('{"level":1}');
    message.messageId = `from-${moduleId}`;
    await client.sendEvent(message);

    const last = hub.state.events.partitions().map((each) => {
      const { lastSequenceNumber } = each.properties();
      return each.after(lastSequenceNumber - 1);
    });

    expect(last.find((event) => event?.messageId === `from-${moduleId}`)).toMatchObject({
      deviceId: 'gateway',
      moduleId,
      generationId: hub.state.registry.get(`gateway/${moduleId}`).generationId,
    });
  });

  test('is connected, and its device is not', async () => {
    const { responseBody: module } = await registry.getModule('gateway', moduleId);
    const { responseBody: device } = await registry.get('gateway');

    expect(module).toMatchObject({ deviceId: 'gateway', moduleId, connectionState: 'Connected' });
    expect(device.connectionState).toBe('Disconnected');
  });

  test('answers direct methods', async () => {
    client.onMethod('greet', (request, response) => {
      void response?.send(201, { hello: request?.payload });
    });
    const service = iothub.Client.fromConnectionString(hub.connectionString('service'));
    const params = { methodName: 'greet', payload: 'world', connectTimeoutInSeconds: 10 };

    const { result } = await service.invokeDeviceMethod('gateway', moduleId, params);

    expect(result).toEqual({ status: 201, payload: { hello: 'world' } });
    const ofDevice = service.invokeDeviceMethod('gateway', { methodName: 'greet' });
    await expect(ofDevice).rejects.toMatchObject({
      responseBody: expect.stringContaining('404103'),
    });
  });

  test('has a twin of its own', async () => {
    twin = await client.getTwin();
    const told = new Promise((resolve) => {
      twin.on('properties.desired.speed', resolve);
    });
    await until('the subscription', () =>
      hub.log
        .entries()
        .some(
          ({ detail = {} }) =>
            detail['deviceId'] === `gateway/${moduleId}` &&
            [detail['operation'], detail['kind']].some(
              (text) => text === 'PUT' || text === 'twinDesiredProperties',
            ),
        ),
    );
    await registry.updateModuleTwin(
      'gateway',
      moduleId,
      { tags: { floor: 3 }, properties: { desired: { speed: 7 } } },
      '*',
    );
    const speed = await told;
    await new Promise((resolve) => {
      twin.properties.reported['update']({ speed: 7 }, resolve);
    });
    const { responseBody } = await registry.getModuleTwin('gateway', moduleId);
    const { responseBody: ofDevice } = await registry.getTwin('gateway');

    expect(speed).toBe(7);
    expect(responseBody).toMatchObject({
      deviceId: 'gateway',
      moduleId,
      tags: { floor: 3 },
      properties: { desired: { speed: 7, $version: 2 }, reported: { speed: 7, $version: 2 } },
    });
    expect(ofDevice.tags).toEqual({});
  });
});

describe('the modules of a device in the official registry', () => {
  const name = { deviceId: 'fleet', moduleId: 'pump' };
  beforeAll(async () => {
    await registry.create({ deviceId: 'fleet' });
  });

  test('are created, read, listed, changed by ETag, and removed', async () => {
    const { responseBody: created } = await registry.addModule({ ...name, managedBy: 'me' });
    const { responseBody: listed } = await registry.getModulesOnDevice('fleet');
    const swapped = {
      type: 'sas' as const,
      symmetricKey: {
        primaryKey: created.authentication?.symmetricKey?.secondaryKey ?? '',
        secondaryKey: created.authentication?.symmetricKey?.primaryKey ?? '',
      },
    };
    const { responseBody: updated } = await registry.updateModule({
      ...created,
      authentication: swapped,
    });
    const stale = registry.updateModule({ ...created, managedBy: 'you' });
    await expect(stale).rejects.toMatchObject({ name: 'InvalidEtagError' });
    const { responseBody: read } = await registry.getModule('fleet', 'pump');
    // With the module itself the SDK finds no callback.
    await registry.removeModule('fleet', 'pump');

    expect(created).toMatchObject({ ...name, managedBy: 'me', connectionState: 'Disconnected' });
    expect(listed).toEqual([created]);
    expect(updated.authentication?.symmetricKey).toEqual(swapped.symmetricKey);
    expect(read).toEqual(updated);
    await expect(registry.getModule('fleet', 'pump')).rejects.toThrow('Not found');
    expect((await registry.getModulesOnDevice('fleet')).responseBody).toEqual([]);
  });

  test('cannot be created twice', async () => {
    await registry.addModule({ ...name, moduleId: 'twice' });

    const again = registry.addModule({ ...name, moduleId: 'twice' });

    await expect(again).rejects.toMatchObject({ name: 'DeviceAlreadyExistsError' });
  });

  test('are found by a query, page by page', async () => {
    const query = registry.createQuery('SELECT * FROM devices.modules', 2);
    const found: string[] = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      found.push(...result.map(({ moduleId }) => String(moduleId)));
    }

    expect(found).toEqual(['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws', 'twice']);
  });
});
