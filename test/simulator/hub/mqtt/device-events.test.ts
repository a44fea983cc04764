import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import device from 'azure-iot-device';
import type { DeviceEvent } from '../../../../simulator/hub/state/device-event.ts';
import { until } from '../../../support/until.ts';
import { eventsOf } from '../state/builders.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';

let hub: MqttHub;

beforeAll(async () => {
  hub = await startMqttHub();
});
afterAll(async () => {
  await hub.stop();
});

async function published(bag: string, options: object = {}): Promise<DeviceEvent | undefined> {
  const client = await hub.connectRaw();
  await client.connected();
  client.send({
    cmd: 'publish',
    topic: `devices/device-1/messages/events/${bag}`,
    payload: 'x',
    qos: 1,
    messageId: 5,
    dup: false,
    retain: false,
    ...options,
  });
  await client.next('puback');
  return eventsOf(hub.state).at(-1);
}

describe('devices/{deviceId}/messages/events/{property bag}', () => {
  test('keeps all that the device SDK sends', async () => {
    const client = await hub.sdkClient('device-1', { modelId: 'dtmi:example:Thermostat;1' });
    const event = new device.Message('{"t":21}');
    const system = {
      messageId: 'm&1',
      correlationId: 'order 7',
      userId: 'us-er',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
    };
    Object.assign(event, system);
    event.properties.add('Größe', 'a=b&c d/e');
    event.properties.add('dt-subject', 'thermostat');

    await client.sendEvent(event);

    expect(eventsOf(hub.state).at(-1)).toEqual(
      expect.objectContaining({
        ...system,
        componentName: 'thermostat',
        modelId: 'dtmi:example:Thermostat;1',
        properties: { Größe: 'a=b&c d/e' },
        body: Buffer.from('{"t":21}'),
      }),
    );
  });

  test.each([
    ['', {}],
    ['a=b/', { a: 'b' }],
    ['?a=b', { a: 'b' }],
    ['empty=&alone', { empty: '', alone: '' }],
    ['broken=100%', { broken: '100%' }],
    ['__proto__=x', JSON.parse('{"__proto__":"x"}')],
  ])('reads the bag %j', async (bag, properties) => {
    expect((await published(bag))?.properties).toEqual(properties);
  });

  test('keeps system properties that it does not know from the properties of the application', async () => {
    const event = await published('$.cdid=somebody-else&alert=high');

    expect(event?.properties).toEqual({ alert: 'high' });
  });

  test('reads the times of expiry and creation', async () => {
    const time = '2026-01-02T03:04:05.000Z';

    expect(await published(`$.exp=${time}&$.ctime=${encodeURIComponent(time)}`)).toMatchObject({
      expiresAt: Date.parse(time),
      createdAt: Date.parse(time),
      properties: {},
    });
  });

  test('says of a message that it was to be retained', async () => {
    expect((await published('a=b', { retain: true }))?.properties).toEqual({
      a: 'b',
      'mqtt-retain': 'true',
    });
  });
});

describe('The will of a device', () => {
  const topic = 'devices/device-1/messages/events/reason=lost';
  const will = { topic, payload: Buffer.from('gone'), qos: 1 as const };

  async function connectedWithWill() {
    const client = await hub.connectRaw({ will });
    await client.connected();
    return client;
  }

  test('becomes an event when the device is lost', async () => {
    const client = await connectedWithWill();
    const before = eventsOf(hub.state).length;

    client.destroy();
    await until('the will', () => eventsOf(hub.state).length > before);

    expect(eventsOf(hub.state).at(-1)).toMatchObject({
      body: Buffer.from('gone'),
      properties: { reason: 'lost', 'iothub-MessageType': 'Will' },
    });
  });

  test('is forgotten when the device says farewell', async () => {
    const client = await connectedWithWill();
    const before = eventsOf(hub.state).length;

    client.send({ cmd: 'disconnect' });
    await client.closed();
    await until('its end', () => hub.closeReasons().includes('the device disconnected'));

    expect(eventsOf(hub.state)).toHaveLength(before);
  });
});
