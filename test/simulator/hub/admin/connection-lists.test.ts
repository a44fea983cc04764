import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import { until } from '../../../support/until.ts';
import { RawAmqpClient, sendAndSettle } from '../amqp/raw-amqp-client.ts';
import { signToken } from '../https/a-hub.ts';
import { RawMqttClient } from '../mqtt/raw-mqtt-client.ts';
import { aMessage } from '../state/builders.ts';
import { adminOf, tokenOf, type Admin } from './admin-client.ts';

let hub: SimulatedHub;
let admin: Admin;
const opened: { destroy: () => void }[] = [];
beforeAll(async () => {
  const devices = [{ deviceId: 'device-1' }, { deviceId: 'device-2' }];
  hub = await startHub({ clock: new ManualClock(), devices });
  admin = adminOf(hub);
});
afterEach(async () => {
  for (const client of opened.splice(0)) client.destroy();
  await until(
    'no connections',
    async () => (await listOf('/connections?protocol=amqp')).length === 0,
  );
});
afterAll(() => hub.stop());

async function listOf(path: string): Promise<Record<string, unknown>[]> {
  const { status, json } = await admin(`GET ${path}`);
  expect(status).toBe(200);
  return (json as { items: Record<string, unknown>[] }).items;
}

async function mqttDevice(deviceId = 'device-1'): Promise<RawMqttClient> {
  const client = await RawMqttClient.open(hub.ports.mqtt, hub.certificateAuthorityPem);
  opened.push(client);
  const { primaryKey } = hub.state.registry.get(deviceId);
  client.connect({ deviceId, password: signToken(`localhost/devices/${deviceId}`, primaryKey) });
  await client.connected();
  return client;
}

async function backEnd(): Promise<RawAmqpClient> {
  const client = await RawAmqpClient.open(hub.ports.amqp, hub.certificateAuthorityPem);
  opened.push(client);
  await client.putToken(tokenOf(hub, 'service'));
  return client;
}

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);

describe('GET /$downlink/connections', () => {
  test('shows who is connected, over what, since when, and what waits', async () => {
    const device = await mqttDevice();
    await device.subscribe('devices/device-1/messages/devicebound/#');
    hub.state.cloudToDevice.enqueue('device-1', aMessage());
    await device.next('publish');
    await backEnd();

    const [amqp, mqtt, ...https] = await listOf('/connections');

    expect(amqp).toEqual({
      protocol: 'amqp',
      peer: expect.stringMatching(/:\d+$/),
      connectedAt: isoTime,
      identities: ['policy service'],
      unreadBytes: expect.any(Number),
      links: 2,
    });
    expect(mqtt).toMatchObject({
      identities: ['device device-1'],
      mqtt: {
        cleanSession: false,
        keepAliveSeconds: 180,
        subscriptions: ['cloudToDevice'],
        unacknowledged: 1,
      },
    });
    // The one that asks.
    expect(https).toMatchObject([{ protocol: 'https', identities: [] }]);
  });

  test('can be asked for one protocol, one identity, and so many', async () => {
    await mqttDevice('device-1');
    await mqttDevice('device-2');

    expect(await listOf('/connections?identity=device%20device-2')).toHaveLength(1);
    expect(await listOf('/connections?protocol=amqp')).toEqual([]);
    const page = await admin('GET /connections?protocol=mqtt&limit=1');
    expect(page.json).toMatchObject({ total: 2, items: [{ identities: ['device device-1'] }] });
    expect((await admin('GET /connections?limit=0')).status).toBe(400);
  });
});

describe('GET /$downlink/links', () => {
  test('shows every link with its credit and what is unsettled', async () => {
    const client = await backEnd();
    const receiver = await client.attachReceiver('/messages/serviceBound/feedback');
    receiver.add_credit(7);
    hub.state.cloudToDevice.enqueue('device-2', aMessage());
    hub.state.cloudToDevice.purge('device-2');

    const link = await until('the feedback on its way', async () =>
      (await listOf('/links')).find((each) => each['unsettled'] === 1),
    );

    expect(link).toEqual({
      peer: expect.any(String),
      address: '/messages/serviceBound/feedback',
      role: 'sender',
      identity: 'policy service',
      attachedAt: isoTime,
      credit: 6,
      unsettled: 1,
    });
  });
});

describe('The log', () => {
  test('says who did what over every protocol, and with which bodies if asked to', async () => {
    await admin('PUT /log', { body: { payloads: true } });
    const device = await mqttDevice();
    device.publish('devices/device-1/messages/events/', 'telemetry');
    await device.next('puback');
    const client = await backEnd();
    const sender = await client.attachSender('/messages/devicebound');
    await sendAndSettle(sender, { to: '/devices/device-2/messages/devicebound', body: 'command' });

    const log = await listOf('/log');
    await admin('PUT /log', { body: { payloads: false } });

    const bodies = log.flatMap(({ event, receivedBase64 }) =>
      typeof receivedBase64 === 'string'
        ? [`${String(event)}: ${Buffer.from(receivedBase64, 'base64').toString()}`]
        : [],
    );
    // Not among them: the token, which is the body of a transfer to $cbs.
    expect(bodies).toEqual(['event: telemetry', 'transfer: command']);
    expect(log.findLast(({ event }) => event === 'transfer')).toMatchObject({
      detail: { address: '/messages/devicebound', by: 'policy service' },
    });
    expect(await listOf('/log?deviceId=device-1')).not.toEqual([]);
    expect(await listOf('/log?deviceId=nobody')).toEqual([]);
    expect((await listOf('/log')).some((entry) => 'receivedBase64' in entry)).toBe(false);
  });
});
