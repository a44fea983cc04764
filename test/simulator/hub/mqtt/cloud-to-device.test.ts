import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Message } from 'azure-iot-device';
import { MAX_IN_FLIGHT_MESSAGES } from '../../../../simulator/hub/mqtt/limits.ts';
import { until } from '../../../support/until.ts';
import { HOUR_MS, startMqttHub, type MqttHub } from './mqtt-hub.ts';

const DEVICE_BOUND = 'devices/device-1/messages/devicebound/#';
const MINUTE_MS = 60_000;

let hub: MqttHub;

beforeEach(async () => {
  hub = await startMqttHub();
});

afterEach(async () => {
  await hub.stop();
});

async function subscribed(qos: 0 | 1 = 1) {
  const client = await hub.connectRaw();
  await client.connected();
  await client.subscribe(DEVICE_BOUND, qos);
  return client;
}

describe('messages to a device of the official SDK', () => {
  test('arrive with every property and are completed by the SDK', async () => {
    const expiresAt = hub.clock.now() + 90_000;
    const messages: Message[] = [];
    const client = await hub.sdkClient();
    client.on('message', (message: Message) => messages.push(message));
    await client.open();

    hub.enqueue({
      messageId: 'id++=%+1',
      correlationId: "correlation;$'",
      userId: 'Zoë & co',
      contentType: 'application/json; charset=utf-8',
      contentEncoding: 'utf-8',
      properties: { 'a%b&c': '1+2&3%', empty: '' },
      expiresAt,
      body: Buffer.from('{"unit":"°C"}'),
    });
    const message = await until('the message', () => messages[0]);

    expect(message).toMatchObject({
      messageId: 'id++=%+1',
      correlationId: "correlation;$'",
      userId: 'Zoë & co',
      to: '/devices/device-1/messages/devicebound',
      contentType: 'application/json; charset=utf-8',
      contentEncoding: 'utf-8',
      expiryTimeUtc: new Date(expiresAt).toISOString(),
    });
    expect(message.getBytes().toString()).toBe('{"unit":"°C"}');
    expect(message.properties.propertyList).toEqual([
      { key: 'iothub-ack', value: 'full' },
      { key: 'a%b&c', value: '1+2&3%' },
      { key: 'empty', value: '' },
    ]);
    await until('the outcome', () => hub.history('id++=%+1').includes('completed'));
    hub.clock.advance(15_000);
    expect(hub.state.feedback.receive()?.records).toMatchObject([
      { originalMessageId: 'id++=%+1', statusCode: 'Success', deviceId: 'device-1' },
    ]);
  });

  test('carry no trace of the properties the sender left out', async () => {
    const client = await subscribed();
    hub.state.cloudToDevice.enqueue('device-1', {
      to: '/devices/device-1/messages/deviceBound',
      body: Buffer.alloc(0),
      properties: {},
      ack: 'none',
    });

    const publish = await client.next('publish');

    expect(publish.topic).toBe(
      'devices/device-1/messages/devicebound/%24.to=%2Fdevices%2Fdevice-1%2Fmessages%2FdeviceBound',
    );
    expect(publish.payload).toHaveLength(0);
  });

  test('of 64 KB and bytes of every value arrive whole', async () => {
    const body = Buffer.from(Array.from({ length: 65_000 }, (_, index) => index % 256));
    const messages: Message[] = [];
    const client = await hub.sdkClient();
    client.on('message', (message: Message) => messages.push(message));
    await client.open();

    hub.enqueue({ body });
    const message = await until('the message', () => messages[0]);

    expect(message.getBytes().equals(body)).toBe(true);
  });

  test('that waited for the device come right after CONNACK, once it is back', async () => {
    const first = await hub.sdkClient();
    first.on('message', () => {});
    await first.open();
    await until('the subscription', () =>
      hub.log.entries().some(({ event }) => event === 'subscribe'),
    );
    await first.close();
    await until(
      'the end',
      () => hub.state.registry.get('device-1').connectionState !== 'Connected',
    );
    for (const messageId of ['one', 'two', 'three']) hub.enqueue({ messageId });

    const messages: string[] = [];
    const again = await hub.sdkClient();
    again.on('message', ({ messageId }: Message) => messages.push(messageId));
    await again.open();
    await until('the messages', () => messages.length === 3);

    expect(messages).toEqual(['one', 'two', 'three']);
  });

  test('are not lost when it renews its token, which takes a new connection', async () => {
    const messages: string[] = [];
    const client = await hub.sdkClient('device-1', {
      tokenRenewal: { tokenValidTimeInSeconds: 11, tokenRenewalMarginInSeconds: 10.7 },
    });
    client.on('message', ({ messageId }: Message) => messages.push(messageId));
    await client.open();
    const connects = () => hub.log.entries().filter(({ event }) => event === 'connect').length;
    let sent = 0;

    while (connects() < 3) {
      hub.enqueue({ messageId: `message-${++sent}` });
      await until('room in the queue', () => hub.state.cloudToDevice.count('device-1') < 10);
    }
    await until('the rest', () => hub.state.cloudToDevice.count('device-1') === 0);

    const distinct = new Set(messages);
    expect(distinct.size).toBe(sent);
  });
});

describe('acknowledgement', () => {
  test('is PUBACK: before it the message is locked, after it completed', async () => {
    const client = await subscribed();
    hub.enqueue();

    const publish = await client.next('publish');
    expect(publish).toMatchObject({ qos: 1, dup: false, retain: false });
    expect(hub.history()).toEqual(['enqueued', 'delivered']);

    client.send({ cmd: 'puback', messageId: publish.messageId ?? 0 });
    await client.settled();
    expect(hub.history()).toEqual(['enqueued', 'delivered', 'completed']);
    expect(hub.state.cloudToDevice.count('device-1')).toBe(0);
  });

  test('needs no PUBACK for a subscription of QoS 0', async () => {
    const client = await subscribed(0);

    hub.enqueue();
    const publish = await client.next('publish');

    expect(publish.qos).toBe(0);
    expect(hub.history()).toEqual(['enqueued', 'delivered', 'completed']);
  });

  test('of an identifier that is not in use is passed over', async () => {
    const client = await subscribed();
    hub.enqueue();
    const { messageId = 0 } = await client.next('publish');

    client.send({ cmd: 'puback', messageId: messageId + 1 });
    client.send({ cmd: 'puback', messageId });
    client.send({ cmd: 'puback', messageId });
    await client.settled();

    expect(hub.history()).toEqual(['enqueued', 'delivered', 'completed']);
  });

  test('after the lock ran out does not complete; the message is sent again as a duplicate', async () => {
    const client = await subscribed();
    hub.enqueue();
    const first = await client.next('publish');

    hub.clock.advance(MINUTE_MS);
    const second = await client.next('publish');

    expect(second).toMatchObject({ dup: true, messageId: first.messageId, topic: first.topic });
    client.send({ cmd: 'puback', messageId: second.messageId ?? 0 });
    await client.settled();
    expect(hub.history().slice(-2)).toEqual(['delivered', 'completed']);
  });

  test.each([
    ['expired', () => hub.clock.advance(HOUR_MS), 'Expired'],
    ['was purged', () => hub.state.cloudToDevice.purge('device-1'), 'Purged'],
  ])('of a message that %s on its way comes too late', async (_, meetItsEnd, statusCode) => {
    const client = await subscribed();
    hub.enqueue({ expiresAt: hub.clock.now() + 30_000 });
    const { messageId = 0 } = await client.next('publish');

    meetItsEnd();
    client.send({ cmd: 'puback', messageId });
    hub.enqueue({ messageId: 'next' });
    await client.next('publish');
    hub.clock.advance(15_000);

    expect(hub.history()).not.toContain('completed');
    expect(hub.state.feedback.receive()?.records).toMatchObject([{ statusCode }]);
  });
});

describe('a kept session', () => {
  test('sends again what was not acknowledged, in order, as duplicates with their identifiers', async () => {
    const client = await subscribed();
    for (const messageId of ['one', 'two', 'three']) hub.enqueue({ messageId });
    const sent = [await client.next('publish'), await client.next('publish')];
    client.send({ cmd: 'puback', messageId: sent[0]?.messageId ?? 0 });
    const third = await client.next('publish');
    await client.settled();
    client.destroy();
    await until('the loss', () => hub.history('two').includes('released'));
    hub.enqueue({ messageId: 'four' });

    const again = await hub.connectRaw();
    const { sessionPresent } = await again.connected();
    const publishes = [
      await again.next('publish'),
      await again.next('publish'),
      await again.next('publish'),
    ];

    expect(sessionPresent).toBe(true);
    expect(publishes.map(({ dup }) => dup)).toEqual([true, true, false]);
    expect(publishes.slice(0, 2).map(({ messageId }) => messageId)).toEqual([
      sent[1]?.messageId,
      third.messageId,
    ]);
    expect(publishes[2]?.topic).toContain('%24.mid=four');
    expect(new Set(publishes.map(({ messageId }) => messageId)).size).toBe(3);
    expect(hub.history('two')).toEqual(['enqueued', 'delivered', 'released', 'delivered']);
  });

  test('gives a new message an identifier of its own when the unacknowledged one expired meanwhile', async () => {
    const client = await subscribed();
    hub.enqueue({ expiresAt: hub.clock.now() + 10_000 });
    await client.next('publish');
    client.destroy();
    await until('the loss', () => hub.history().includes('released'));
    hub.clock.advance(10_000);
    hub.enqueue({ messageId: 'next' });

    const again = await hub.connectRaw();
    await again.connected();

    expect(await again.next('publish')).toMatchObject({ dup: false });
  });

  test('is forgotten when the device asks for a clean one', async () => {
    const client = await subscribed();
    client.send({ cmd: 'disconnect' });
    await client.closed();
    hub.enqueue();

    const clean = await hub.connectRaw({ clean: true });
    expect(await clean.connected()).toMatchObject({ sessionPresent: false });
    await clean.settled();
    expect(clean.received('publish')).toEqual([]);
    clean.send({ cmd: 'disconnect' });
    await clean.closed();

    const kept = await hub.connectRaw();
    expect(await kept.connected()).toMatchObject({ sessionPresent: false });
  });

  test('is forgotten with the device it was of', async () => {
    await subscribed();
    hub.state.registry.delete('device-1');
    hub.state.registry.create({ deviceId: 'device-1' });
    hub.enqueue();

    const client = await hub.connectRaw();
    const { sessionPresent } = await client.connected();
    await client.settled();

    expect(sessionPresent).toBe(false);
    expect(client.received('publish')).toEqual([]);
  });

  test('delivers nothing after UNSUBSCRIBE, and still takes the PUBACK of what was sent', async () => {
    const client = await subscribed();
    hub.enqueue({ messageId: 'sent' });
    const { messageId = 0 } = await client.next('publish');

    client.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: [DEVICE_BOUND] });
    await client.next('unsuback');
    hub.enqueue({ messageId: 'unsent' });
    client.send({ cmd: 'puback', messageId });
    await client.settled();

    expect(hub.history('sent')).toContain('completed');
    expect(hub.history('unsent')).toEqual(['enqueued']);
  });
});

describe('a device that is slow', () => {
  test('has a bounded number of unacknowledged messages under way', async () => {
    const client = await subscribed();
    for (let index = 0; index < 50; index++) hub.enqueue({ messageId: `message-${index}` });
    await client.settled();

    const underWay = client.received('publish');
    expect(underWay).toHaveLength(MAX_IN_FLIGHT_MESSAGES);

    const [first] = underWay;
    client.send({ cmd: 'puback', messageId: first?.messageId ?? 0 });
    await client.settled();
    expect(client.received('publish')).toHaveLength(MAX_IN_FLIGHT_MESSAGES + 1);
  });

  test('gets no more messages than fit on the way to it, and the rest when it reads again', async () => {
    const client = await subscribed(0);
    client.pause();
    const body = Buffer.alloc(60_000);
    let sent = 0;
    const hasStalled = () => hub.state.cloudToDevice.count('device-1') >= 40;

    while (!hasStalled()) {
      hub.enqueue({ messageId: `message-${++sent}`, body });
      await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(1_000);

    client.resume();
    await until('the rest', () => hub.state.cloudToDevice.count('device-1') === 0);
    await until('their arrival', () => client.received('publish').length === sent);
  });
});

test('a device id that some SDKs percent-encode is served the way it subscribed', async () => {
  const deviceId = "it's=@;home";
  await hub.stop();
  hub = await startMqttHub([deviceId]);
  const encoded = encodeURIComponent(deviceId);
  const client = await hub.connectRaw({ deviceId });
  await client.connected();

  expect(await client.subscribe(`devices/${encoded}/messages/devicebound/#`)).toBe(1);
  hub.enqueue({}, deviceId);

  const { topic } = await client.next('publish');
  expect(topic).toContain(`devices/${encoded}/messages/devicebound/%24.mid=`);
});

test('a message whose properties fit no topic is rejected and does not block the next', async () => {
  const client = await subscribed();
  const percents = '%'.repeat(1_000);
  const properties = Object.fromEntries(
    Array.from({ length: 25 }, (_, index) => [`name-${index}`, percents]),
  );

  hub.enqueue({ properties });
  hub.enqueue({ messageId: 'next' });

  expect((await client.next('publish')).topic).toContain('%24.mid=next');
  expect(hub.history()).toContain('rejected');
});
