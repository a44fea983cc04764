import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../../../support/until.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';
import type { RawMqttClient } from './raw-mqtt-client.ts';

const MODULE = 'device-1/pump';
const ROOT = 'devices/device-1/modules/pump';
const REFUSED = 0x80;

/** What the module client of the SDK never does. */
let hub: MqttHub;
beforeAll(async () => {
  hub = await startMqttHub();
  hub.state.registry.create({ deviceId: 'device-1', moduleId: 'pump' });
});
afterAll(async () => {
  await hub.stop();
});

function tokenFor(key = MODULE, resource = key.replace('/', '/modules/')): string {
  const { primaryKey } = hub.state.registry.get(key);
  return hub.token({ resource: `localhost/devices/${resource}`, key: primaryKey });
}

async function connected(): Promise<RawMqttClient> {
  const client = await hub.connectRaw({ deviceId: MODULE, clean: true, password: tokenFor() });
  await client.connected();
  return client;
}

describe('CONNECT of a module', () => {
  test.each([
    ['its own token', 0, () => ({ password: tokenFor() })],
    ["its own key for all of its device's", 0, () => ({ password: tokenFor(MODULE, 'device-1') })],
    ["its device's token", 5, () => ({ password: tokenFor('device-1') })],
    [
      "its device's key, for itself",
      5,
      () => ({ password: tokenFor('device-1', 'device-1/modules/pump') }),
    ],
    [
      'the name of its device',
      5,
      () => ({ password: tokenFor(), userName: 'localhost/device-1/?api-version=1' }),
    ],
    ['no api-version', 4, () => ({ password: tokenFor(), userName: `localhost/${MODULE}/` })],
  ])('with %s is answered %s', async (_case, returnCode, options) => {
    const client = await hub.connectRaw({ deviceId: MODULE, clean: true, ...options() });

    expect((await client.next('connack')).returnCode).toBe(returnCode);
    client.destroy();
  });

  test('is refused for one that is not there, and for its device with its token', async () => {
    for (const deviceId of ['device-1/other', 'device-1']) {
      const client = await hub.connectRaw({ deviceId, password: tokenFor() });
      expect((await client.next('connack')).returnCode).toBe(5);
    }
  });
});

describe('the topics of a module', () => {
  test.each([
    [`${ROOT}/messages/devicebound/#`, 1],
    [`${ROOT}/#`, 1],
    ['$iothub/methods/POST/#', 1],
    ['$iothub/twin/res/#', 1],
    // What IoT Edge has, and what is its device's.
    [`${ROOT}/inputs/#`, REFUSED],
    ['devices/device-1/messages/devicebound/#', REFUSED],
    ['devices/device-1/#', REFUSED],
  ])('%s is granted %i', async (filter, granted) => {
    const client = await connected();

    expect(await client.subscribe(filter)).toBe(granted);
  });

  test.each([`${ROOT}/messages/devicebound/#`, `${ROOT}/#`])(
    'bring it its messages: %s',
    async (filter) => {
      const client = await connected();
      await client.subscribe(filter);
      hub.enqueue({ messageId: 'of-device' });
      hub.enqueue({ messageId: 'of-module', properties: { a: '1' } }, MODULE);
      const { topic, messageId } = await client.next('publish');
      client.send({ cmd: 'puback', messageId: messageId ?? 0 });
      await until('its end', () => hub.state.cloudToDevice.count(MODULE) === 0);

      expect(topic.startsWith(`${ROOT}/messages/devicebound/%24.mid=of-module`)).toBe(true);
      expect(topic.endsWith('&a=1')).toBe(true);
      expect(client.received('publish')).toEqual([]);
      expect(hub.state.cloudToDevice.count('device-1')).toBe(1);
      hub.state.cloudToDevice.purge('device-1');
    },
  );

  test('take its events, also from those who percent-encode, and none of its device', async () => {
    hub.state.registry.create({ deviceId: 'a+b' });
    hub.state.registry.create({ deviceId: 'a+b', moduleId: 'c(d)' });
    const client = await hub.connectRaw({
      deviceId: 'a+b/c(d)',
      clean: true,
      password: tokenFor('a+b/c(d)'),
    });
    await client.connected();
    client.publish('devices/a%2Bb/modules/c(d)/messages/events/', 'x', { qos: 1, messageId: 1 });
    await client.next('puback');
    client.publish('devices/a%2Bb/messages/events/', 'x', { qos: 1, messageId: 2 });
    await client.closed();

    const events = hub.state.events.partitions().map((each) => each.after(-1));
    expect(events.filter((event) => event !== undefined)).toMatchObject([
      { deviceId: 'a+b', moduleId: 'c(d)' },
    ]);
    expect(hub.closeReasons().at(-1)).toBe('PUBLISH to an undocumented topic');
  });
});
