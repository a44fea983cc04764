import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import device from 'azure-iot-device';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { MAX_EVENT_BYTES } from '../../../../simulator/hub/state/limits.ts';
import { until } from '../../../support/until.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';
import type { RawMqttClient } from './raw-mqtt-client.ts';

const EVENTS = 'devices/device-1/messages/events/';

let hub: MqttHub;

beforeEach(async () => {
  hub = await startMqttHub();
});

afterEach(async () => {
  await hub.stop();
});

async function connected(): Promise<RawMqttClient> {
  const client = await hub.connectRaw();
  await client.connected();
  return client;
}

describe('SUBSCRIBE', () => {
  test.each([
    ['devices/device-1/messages/devicebound/#', 0, 0],
    ['devices/device-1/messages/devicebound/#', 1, 1],
    ['devices/device-1/messages/devicebound/#', 2, 1],
    ['$iothub/methods/POST/#', 0, 0],
    ['$iothub/twin/res/#', 0, 0],
    ['$iothub/twin/PATCH/properties/desired/#', 2, 1],
    ['devices/device-2/messages/devicebound/#', 1, 0x80],
    ['devices/+/messages/devicebound/#', 1, 0x80],
    ['devices/device-1/#', 1, 0x80],
    ['devices/device-1/messages/events/#', 1, 0x80],
    ['$iothub/methods/POST/reboot/#', 0, 0x80],
    ['$SYS/#', 0, 0x80],
    ['#', 0, 0x80],
    ['constructor', 0, 0x80],
    ['', 0, 0x80],
  ] as const)('to %j with QoS %i is granted %i', async (topic, qos, granted) => {
    const client = await connected();

    expect(await client.subscribe(topic, qos)).toBe(granted);
  });

  test('answers each of its topic filters, in their order', async () => {
    const client = await connected();
    client.send({
      cmd: 'subscribe',
      messageId: 77,
      subscriptions: [
        { topic: 'nonsense', qos: 1 },
        { topic: '$iothub/methods/POST/#', qos: 1 },
        { topic: 'devices/device-1/messages/devicebound/#', qos: 2 },
      ],
    });

    expect(await client.next('suback')).toMatchObject({ messageId: 77, granted: [0x80, 1, 1] });
  });
});

describe('PUBLISH of a device', () => {
  test.each([EVENTS, EVENTS.slice(0, -1), `${EVENTS}a=b&%24.mid=1`, `${EVENTS}a=b/`])(
    'to %s is acknowledged',
    async (topic) => {
      const client = await connected();
      client.publish(topic, '{"temperature":20}', { messageId: 4711 });

      expect(await client.next('puback')).toMatchObject({ messageId: 4711 });
    },
  );

  test('of QoS 0 is taken without an answer', async () => {
    const client = await connected();
    client.publish(EVENTS, '', { qos: 0 });
    await client.settled();

    expect(client.received('puback')).toEqual([]);
    expect(hub.log.entries().at(-1)?.event).toBe('event');
  });

  test('of the official SDK, and of 256 KB, is acknowledged', async () => {
    const client = await hub.sdkClient();
    await client.open();

    for (const body of ['hello', Buffer.alloc(MAX_EVENT_BYTES)]) {
      const result = await client.sendEvent(new device.Message(body));
      expect(result.constructor.name).toBe('MessageEnqueued');
    }
  });

  test.each<[string, (client: RawMqttClient) => void]>([
    ['QoS 2', (client) => client.publish(EVENTS, '', { qos: 2 })],
    [
      'a topic of another device',
      (client) => client.publish('devices/device-2/messages/events/', ''),
    ],
    [
      'a topic of a module',
      (client) => client.publish('devices/device-1/modules/m/messages/events/', ''),
    ],
    ['an undocumented topic', (client) => client.publish('lamp/on', '')],
    [
      'the topic of its own messages',
      (client) => client.publish('devices/device-1/messages/devicebound/', ''),
    ],
    ['more than a property bag', (client) => client.publish(`${EVENTS}a=b/c=d`, '')],
    ['a wildcard', (client) => client.publish(`${EVENTS}#`, '')],
    ['a NUL', (client) => client.publish(`${EVENTS}a=\0`, '')],
    [
      'an answer without a request id',
      (client) => client.publish('$iothub/methods/res/200/?a=b', ''),
    ],
    [
      'an answer whose status is no number',
      (client) => client.publish('$iothub/methods/res/ok/?$rid=1', ''),
    ],
    ['more than 256 KB', (client) => client.publish(EVENTS, Buffer.alloc(MAX_EVENT_BYTES + 1))],
    ['no packet identifier', (client) => client.sendBytes(Buffer.from('32050001610000', 'hex'))],
    ['DUP and QoS 0', (client) => client.publish(EVENTS, '', { qos: 0, dup: true })],
  ])('with %s ends the connection without an acknowledgement', async (_, publish) => {
    const client = await connected();
    publish(client);

    await client.closed();
    expect(client.received('puback')).toEqual([]);
  });
});

describe('a packet that must not come', () => {
  test.each<[string, Packet]>([
    ['PUBREC', { cmd: 'pubrec', messageId: 1 }],
    ['PUBREL', { cmd: 'pubrel', messageId: 1 }],
    ['CONNACK', { cmd: 'connack', returnCode: 0, sessionPresent: false }],
    ['SUBACK', { cmd: 'suback', messageId: 1, granted: [0] }],
    ['PINGRESP', { cmd: 'pingresp' }],
  ])('%s ends the connection', async (_, packet) => {
    const client = await connected();
    client.send(packet);

    await client.closed();
    expect(hub.closeReasons()).toEqual([`Unexpected ${packet.cmd}`]);
  });

  test.each([
    ['a reserved type', '0000'],
    ['SUBSCRIBE with wrong flags', '8006000100016100'],
    ['SUBSCRIBE without a filter', '82020001'],
    ['SUBSCRIBE with QoS 3', '8206000100016103'],
    ['SUBSCRIBE without an identifier', '8206000000016100'],
    ['UNSUBSCRIBE without a filter', 'a2020001'],
    ['PUBACK without an identifier', '4000'],
    ['PUBACK of identifier 0', '40020000'],
    ['PINGREQ with a body', 'c00100'],
    ['a topic longer than its packet', '3003ffff61'],
    ['an endless length', '30ffffffff7f'],
    ['a packet larger than any allowed', '30ffffff7f'],
  ])('%s ends the connection', async (_, hex) => {
    const client = await connected();
    client.sendBytes(Buffer.from(hex, 'hex'));

    await client.closed();
    expect(hub.state.registry.get('device-1').connectionState).toBe('Disconnected');
  });
});

describe('bytes of every kind', () => {
  test('packets that come byte by byte are understood', async () => {
    const client = await hub.openRaw();
    const bytes = mqttPacket.generate({
      cmd: 'connect',
      clientId: 'device-1',
      clean: true,
      keepalive: 60,
      protocolId: 'MQTT',
      protocolVersion: 4,
      username: 'localhost/device-1/?api-version=2021-04-12',
      password: Buffer.from(hub.token()),
    });
    for (const byte of bytes) client.sendBytes(Buffer.of(byte));

    expect(await client.next('connack')).toMatchObject({ returnCode: 0 });
  });

  test('junk never keeps the hub from serving others', async () => {
    const witness = await hub.connectRaw();
    await witness.connected();
    await witness.subscribe('devices/device-1/messages/devicebound/#');
    hub.state.registry.create({ deviceId: 'device-2' });
    const random = generator(20_251_121);

    for (let round = 0; round < 240; round += 24) {
      await Promise.all(Array.from({ length: 24 }, async () => sendJunk(random)));
    }

    hub.enqueue();
    expect((await witness.next('publish')).qos).toBe(1);
    expect(witness.isClosed).toBe(false);
    expect(new Set(hub.closeReasons()).size).toBeGreaterThan(10);
    const faults = hub.closeReasons().filter((reason) => String(reason).includes('fault of'));
    expect(faults).toEqual([]);
  });

  async function sendJunk(random: (below: number) => number): Promise<void> {
    const isAdmitted = random(2) === 1;
    const client = isAdmitted
      ? await hub.connectRaw({ deviceId: 'device-2' })
      : await hub.openRaw();
    client.sendBytes(junk(random));
    client.end();
    await client.closed();
  }

  /** Real packets, damaged, and pure noise. */
  function junk(random: (below: number) => number): Buffer {
    if (random(4) === 0) {
      return Buffer.from(Array.from({ length: 1 + random(200) }, () => random(256)));
    }
    const models: Packet[] = [
      {
        cmd: 'subscribe',
        messageId: 3,
        subscriptions: [{ topic: '$iothub/methods/POST/#', qos: 1 }],
      },
      { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['$iothub/twin/res/#'] },
      { cmd: 'puback', messageId: 1 },
      {
        cmd: 'publish',
        topic: 'devices/device-2/messages/events/a=b',
        payload: 'x',
        qos: 1,
        messageId: 5,
        dup: false,
        retain: true,
      },
      {
        cmd: 'connect',
        clientId: 'device-2',
        clean: false,
        username: 'localhost/device-2/?api-version=1',
        password: Buffer.from('SharedAccessSignature sr=a&sig=%%%&se=1'),
        will: { topic: 'a', payload: 'b', qos: 1, retain: false },
      },
    ];
    const bytes = mqttPacket.generate(models[random(models.length)] ?? { cmd: 'pingreq' });
    for (let flips = random(5); flips >= 0; flips--) bytes[random(bytes.length)] = random(256);
    return bytes.subarray(0, 1 + random(bytes.length));
  }

  /** mulberry32: the same numbers every time. */
  function generator(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
    };
  }
});

test('the wire log tells what happened, and no payload, key or token', async () => {
  const client = await connected();
  await client.subscribe('devices/device-1/messages/devicebound/#');
  hub.enqueue({ body: Buffer.from('top secret'), properties: { secretName: 'secretValue' } });
  const { messageId = 0 } = await client.next('publish');
  client.send({ cmd: 'puback', messageId });
  client.publish(`${EVENTS}secretName=secretValue`, 'top secret');
  await client.next('puback');
  client.send({ cmd: 'disconnect' });
  await until('the end', () => hub.closeReasons().length > 0);

  const events = hub.log.entries().map(({ event }) => event);
  expect(events).toEqual(['open', 'connect', 'subscribe', 'message', 'puback', 'event', 'close']);
  const text = JSON.stringify(hub.log.entries());
  expect(text).not.toContain('secret');
  expect(text).not.toContain('SharedAccessSignature');
});
