import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import device, { type Client } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import { until } from '../../../support/until.ts';
import { eventsOf, SECOND } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { sendAndSettle } from './raw-amqp-client.ts';

/** The official device SDK asks for faults as its own end-to-end tests do. */
let hub: AmqpHub;
const clients: Client[] = [];
let devices = 0;
beforeAll(async () => {
  hub = await startAmqpHub();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close().catch(() => {})));
});
afterAll(() => hub.stop());

interface TestDevice {
  readonly deviceId: string;
  readonly client: Client;
  readonly disconnects: unknown[];
}

/** Connected, with all of its links. */
async function connectedDevice(): Promise<TestDevice> {
  const deviceId = `faulty-${++devices}`;
  const { primaryKey } = hub.state.registry.create({ deviceId });
  const client = device.Client.fromConnectionString(
    `HostName=localhost;DeviceId=${deviceId};SharedAccessKey=${primaryKey}`,
    deviceAmqp.Amqp,
  );
  clients.push(client);
  client.setRetryPolicy(new common.NoRetry());
  const disconnects: unknown[] = [];
  client.on('disconnect', (error) => disconnects.push(error));
  client.on('error', () => {});
  client.on('message', (message) => {
    void client.complete(message);
  });
  client.onDeviceMethod('reboot', (_request, response) => {
    void response.send(200);
  });
  await client.open();
  await client.getTwin();
  await client.sendEvent(new common.Message(''));
  const attached = (address: string): boolean =>
    hub.events('attach').some(({ detail }) => detail?.['address'] === address);
  await until('the links of the device', () =>
    ['methods/devicebound', 'messages/devicebound'].every((end) =>
      attached(`/devices/${deviceId}/${end}`),
    ),
  );
  return { deviceId, client, disconnects };
}

function faultMessage(type: string, delaySeconds: number, durationSeconds: number) {
  const message = new common.Message(' ');
  message.properties.add('AzIoTHub_FaultOperationType', type);
  message.properties.add('AzIoTHub_FaultOperationCloseReason', 'boom');
  message.properties.add('AzIoTHub_FaultOperationDelayInSecs', String(delaySeconds));
  message.properties.add('AzIoTHub_FaultOperationDurationInSecs', String(durationSeconds));
  return message;
}

describe('a fault that a device asks for over AMQP', () => {
  test.each([
    'KillTcp',
    'KillAmqpConnection',
    'ShutDownAmqp',
    'KillAmqpSession',
    'KillAmqpCBSLinkReq',
    'KillAmqpCBSLinkResp',
    'KillAmqpC2DLink',
    'KillAmqpD2CLink',
    'KillAmqpMethodReqLink',
    'KillAmqpMethodRespLink',
    'KillAmqpTwinLinkReq',
    'KillAmqpTwinLinkResp',
  ])(
    '%s is acknowledged, comes after its delay, and is one disconnect to the SDK',
    async (type) => {
      const { client, disconnects, deviceId } = await connectedDevice();

      await client.sendEvent(faultMessage(type, 2, 0));
      hub.wallClock.advance(2 * SECOND - 1);
      await client.sendEvent(new common.Message(''));
      expect(disconnects).toEqual([]);
      hub.wallClock.advance(1);
      await until('a disconnect', () => disconnects.length > 0);

      expect(disconnects).toHaveLength(1);
      await client.open();
      await client.sendEvent(new common.Message(''));
      // The request itself is not among them.
      expect(eventsOf(hub.state, deviceId)).toHaveLength(3);
    },
  );

  test.each([
    ['InvokeThrottling', 'ThrottlingError'],
    ['InvokeMaxMessageQuota', 'IotHubQuotaExceededError'],
    ['InvokeAuthError', 'UnauthorizedError'],
  ])('%s makes what the device sends fail with %s for its duration', async (type, name) => {
    const { client, deviceId } = await connectedDevice();

    await client.sendEvent(faultMessage(type, 0, 5));
    const failed = client.sendEvent(new common.Message(''));

    await expect(failed).rejects.toHaveProperty('name', name);
    hub.wallClock.advance(5 * SECOND);
    await client.sendEvent(new common.Message(''));
    expect(eventsOf(hub.state, deviceId)).toHaveLength(2);
  });

  test('refuses new connections of the device for its duration, and of no other', async () => {
    const { client, disconnects, deviceId } = await connectedDevice();
    await client.sendEvent(faultMessage('KillTcp', 2, 20));
    hub.wallClock.advance(2 * SECOND);
    await until('a disconnect', () => disconnects.length > 0);

    await expect(client.open()).rejects.toBeDefined();
    const policy = await hub.authorizedRawClient({ policyName: 'device' });
    const events = policy.connection.open_sender({
      target: { address: `/devices/${deviceId}/messages/events` },
    });
    await new Promise((resolve) => policy.connection.once('disconnected', resolve));
    expect(events.is_open()).toBe(false);
    const other = await hub.authorizedRawClient({ policyName: 'device' });
    const sender = await other.attachSender('/devices/device-1/messages/events');
    expect(await sendAndSettle(sender, { body: 'on' })).toMatchObject({ outcome: 'accepted' });

    hub.wallClock.advance(20 * SECOND);
    await client.open();
    await client.sendEvent(new common.Message(''));
  });

  test('is not seen by an application whose client tries again', async () => {
    const { client, disconnects, deviceId } = await connectedDevice();
    client.setRetryPolicy(new common.ExponentialBackOffWithJitter());
    await client.sendEvent(faultMessage('KillTcp', 1, 0));
    const before = hub.events('connect').length;

    hub.wallClock.advance(SECOND);
    await until('a new connection', () => hub.events('connect').length > before);

    const { status } = await until('the device with its methods', async () =>
      hub.state.methods
        .invoke({
          deviceId,
          methodName: 'reboot',
          payload: Buffer.from('null'),
          responseTimeoutMs: 5 * SECOND,
          connectTimeoutMs: 0,
        })
        .catch(() => undefined),
    );
    expect(status).toBe(200);
    expect(disconnects).toEqual([]);
  });

  test.each([
    ['KillEverything', 'a type that nobody knows'],
    ['constructor', 'a name that every object has'],
  ])('"%s", %s, is an ordinary event', async (type) => {
    const { client, deviceId, disconnects } = await connectedDevice();

    await client.sendEvent(faultMessage(type, 0, 5));

    expect(eventsOf(hub.state, deviceId)).toHaveLength(2);
    expect(disconnects).toEqual([]);
  });
});
