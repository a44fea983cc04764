import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import { randomUUID } from 'node:crypto';
import rhea from 'rhea';
import type { Message } from 'rhea';
import { aMessage, HOUR } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { next, sendAndSettle, untilSendable } from './raw-amqp-client.ts';

const TO = '/devices/device-1/messages/devicebound';
const ADDRESS = '/messages/devicebound';
const KIB = 1024;

let hub: AmqpHub;

beforeEach(async () => {
  hub = await startAmqpHub({ cloudToDevice: { maxQueueDepth: 5_000 } });
});

afterEach(async () => {
  await hub.stop();
});

function anSdkMessage(body: string | Buffer = 'on', changes: Partial<common.Message> = {}) {
  return Object.assign(new common.Message(body), changes);
}

function received(deviceId = 'device-1') {
  const delivery = hub.state.cloudToDevice.receive(deviceId);
  if (!delivery) throw new Error('The device has no message');
  return delivery.message;
}

describe('a message that the service SDK sends', () => {
  test.each([
    ['a UUID, which travels as 16 bytes', '0ac0f2a6-0e9f-4b8e-a4d4-21b4bd6ed9f1'],
    ['a UUID in capitals, which travels as text', '0AC0F2A6-0E9F-4B8E-A4D4-21B4BD6ED9F1'],
    ['text', "order:17.+%_#*?!(),=@;$'"],
  ])('keeps all that belongs to it, its ids being %s', async (_, id) => {
    const expiresAt = hub.clock.now() + HOUR / 2;
    const message = anSdkMessage('{"on":true}', {
      messageId: id,
      correlationId: id,
      ack: 'full',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
    });
    Object.assign(message, { expiryTimeUtc: expiresAt });
    message.properties.add('colour', 'deep.blue');
    message.properties.add('empty', '');

    await hub.sdkClient().send('device-1', message);

    expect(received()).toEqual({
      messageId: id,
      correlationId: id,
      to: TO,
      body: Buffer.from('{"on":true}'),
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { colour: 'deep.blue', empty: '' },
      ack: 'full',
      expiresAt,
      sequenceNumber: 1,
      enqueuedAt: hub.clock.now(),
      deliveryCount: 0,
    });
  });

  test('reaches a device whose id must be percent-encoded', async () => {
    const deviceId = "50%25#a:b+c?d=e'(f)";
    hub.state.registry.create({ deviceId });

    await hub.sdkClient().send(deviceId, anSdkMessage());

    expect(received(deviceId).body.toString()).toBe('on');
  });

  test.each([
    ['nothing', 0],
    ['63 KiB', 63 * KIB],
  ])('may have a body of %s', async (_, bytes) => {
    const body = Buffer.alloc(bytes, 7);

    await hub.sdkClient().send('device-1', anSdkMessage(body));

    expect(received().body.equals(body)).toBe(true);
  });

  test('follows those sent before it, hundreds at a time', async () => {
    const client = hub.sdkClient();
    const ids = Array.from({ length: 400 }, () => randomUUID());
    await client.send('device-1', anSdkMessage());
    received();

    await Promise.all(
      ids.map(async (messageId) => client.send('device-1', anSdkMessage('on', { messageId }))),
    );

    expect(ids.map(() => received().messageId)).toEqual(ids);
  });
});

describe('the hub answers the service SDK with', () => {
  function fill(): void {
    for (let count = 0; count < 50; count++)
      hub.state.cloudToDevice.enqueue('device-1', aMessage());
  }

  test.each<[string, string, () => { deviceId?: string; message?: common.Message }]>([
    ['DeviceNotFoundError', 'amqp:not-found', () => ({ deviceId: 'unknown' })],
    [
      'DeviceNotFoundError',
      'amqp:not-found',
      () => {
        hub.state.registry.update({ deviceId: 'device-1', status: 'disabled' }, '*');
        return {};
      },
    ],
    [
      'MessageTooLargeError',
      'amqp:link:message-size-exceeded',
      () => ({ message: anSdkMessage(Buffer.alloc(64 * KIB)) }),
    ],
    [
      'ArgumentError',
      'com.microsoft:argument-error',
      () => ({ message: anSdkMessage('on', { messageId: 'not an id' }) }),
    ],
    [
      'ArgumentError',
      'com.microsoft:argument-error',
      () => ({ message: anSdkMessage('on', { ack: 'some' }) }),
    ],
    [
      'ArgumentOutOfRangeError',
      'com.microsoft:argument-out-of-range',
      () => ({
        message: Object.assign(anSdkMessage(), { expiryTimeUtc: hub.clock.now() + 49 * HOUR }),
      }),
    ],
  ])('%s (%s) where the message calls for it: %#', async (name, condition, prepare) => {
    const { deviceId = 'device-1', message = anSdkMessage() } = prepare();

    const sent = hub.sdkClient().send(deviceId, message);

    await expect(sent).rejects.toMatchObject({ name, amqpError: { condition } });
  });

  test('DeviceMaximumQueueDepthExceededError when the queue is full, and the link lives on', async () => {
    await hub.stop();
    hub = await startAmqpHub();
    fill();
    const client = hub.sdkClient();

    await expect(client.send('device-1', anSdkMessage())).rejects.toMatchObject({
      name: 'DeviceMaximumQueueDepthExceededError',
      amqpError: {
        condition: 'amqp:resource-limit-exceeded',
        description: expect.stringMatching(/^ErrorCode:DeviceMaximumQueueDepthExceeded;/),
      },
    });

    hub.state.cloudToDevice.purge('device-1');
    await client.send('device-1', anSdkMessage());
    expect(
      hub.events('attach').filter(({ detail }) => detail?.['address'] === ADDRESS),
    ).toHaveLength(1);
  });

  test.each([
    ['amqp:not-found', 'DeviceNotFoundError'],
    ['amqp:resource-limit-exceeded', 'DeviceMaximumQueueDepthExceededError'],
    ['amqp:link:message-size-exceeded', 'MessageTooLargeError'],
    ['amqp:unauthorized-access', 'UnauthorizedError'],
    ['com.microsoft:device-container-throttled', 'ThrottlingError'],
    ['com.microsoft:quota-exceeded', 'IotHubQuotaExceededError'],
    ['com.microsoft:iot-hub-suspended', 'IoTHubSuspendedError'],
    ['com.microsoft:timeout', 'ServiceUnavailableError'],
    ['amqp:link:detach-forced', 'ServiceUnavailableError'],
    ['amqp:internal-error', 'InternalServerError'],
    ['com.microsoft:message-lock-lost', 'DeviceMessageLockLostError'],
    ['com.microsoft:argument-error', 'ArgumentError'],
    ['com.microsoft:argument-out-of-range', 'ArgumentOutOfRangeError'],
    ['com.microsoft:precondition-failed', 'PreconditionFailedError'],
    ['amqp:not-implemented', 'NotImplementedError'],
    ['amqp:not-allowed', 'InvalidOperationError'],
    ['com.microsoft:iot-hub-not-found-error', 'IotHubNotFoundError'],
    ['com.microsoft:server-busy', 'Error'],
  ])('a planned %s, which it reads as %s', async (condition, name) => {
    hub.faults.add('amqp-send', { kind: 'error', condition, description: 'as planned' });

    const sent = hub.sdkClient().send('device-1', anSdkMessage());

    await expect(sent).rejects.toMatchObject({
      name,
      amqpError: { condition, description: 'as planned' },
    });
    expect(hub.state.cloudToDevice.count('device-1')).toBe(0);
  });
});

describe('a message that no SDK of this language sends', () => {
  async function send(message: Partial<Message>, address = ADDRESS) {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(address);
    return sendAndSettle(sender, { to: TO, body: undefined, ...message });
  }

  test.each<[string, Partial<Message>, string]>([
    [
      'several data sections',
      { body: rhea.message.data_sections([Buffer.from('o'), Buffer.from('n')]) },
      'on',
    ],
    ['text as an amqp-value', { body: 'on' }, 'on'],
    ['bytes as an amqp-value', { body: Buffer.from('on') }, 'on'],
    ['no body', {}, ''],
  ])('may have %s', async (_, message, body) => {
    expect(await send(message)).toMatchObject({ outcome: 'accepted' });

    expect(received().body.toString()).toBe(body);
  });

  test('may spell addresses as other SDKs do', async () => {
    const { outcome } = await send(
      { to: '/devices/device%2d1/messages/deviceBound' },
      `amqps://localhost/messages/deviceBound/`,
    );

    expect(outcome).toBe('accepted');
    expect(received().to).toBe('/devices/device%2d1/messages/deviceBound');
  });

  test('may have a number as its id, a user id, and properties that are not text', async () => {
    const { outcome } = await send({
      message_id: 17,
      user_id: 'back-end',
      application_properties: {
        'iothub-ack': 'Positive',
        level: 3,
        ratio: 0.5,
        on: true,
        nothing: null,
      },
    });

    expect(outcome).toBe('accepted');
    expect(received()).toMatchObject({
      messageId: '17',
      userId: 'back-end',
      ack: 'positive',
      properties: { level: '3', ratio: '0.5', on: 'true', nothing: '' },
    });
  });

  test.each<[string, Partial<Message>]>([
    ['no device in `to`', { to: '/devices//messages/devicebound' }],
    ['a `to` that cannot be decoded', { to: '/devices/%E0%A4%A/messages/devicebound' }],
    ['a property that is a list', { application_properties: { list: [1, 2] } }],
    ['a property name that is not allowed', { application_properties: { 'a b': 'c' } }],
    ['a body that is a number', { body: 17 }],
    ['a body that is a sequence', { body: rhea.message.sequence_section([1]) }],
  ])('is rejected as a wrong argument if it has %s', async (_, message) => {
    expect(await send(message)).toEqual({
      outcome: 'rejected',
      error: expect.objectContaining({
        condition: 'com.microsoft:argument-error',
        description: expect.stringMatching(/^ErrorCode:ArgumentInvalid;./),
      }),
    });
    expect(hub.state.cloudToDevice.count('device-1')).toBe(0);
  });

  test('is enqueued if it comes settled', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(ADDRESS, { snd_settle_mode: 1 });
    await untilSendable(sender);

    for (const id of ['1', '2']) sender.send({ to: TO, message_id: id, body: 'on' });
    const { outcome } = await sendAndSettle(await client.attachSender(ADDRESS), {
      to: TO,
      message_id: '3',
      body: 'on',
    });

    expect(outcome).toBe('accepted');
    expect([received(), received(), received()].map(({ messageId }) => messageId)).toEqual([
      '1',
      '2',
      '3',
    ]);
  });

  test('is rejected if its format is unknown', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(ADDRESS);
    await untilSendable(sender);
    const rejected = next(sender, 'rejected');

    sender.send(Buffer.from('batch'), 'tag', 0x80013700);

    const { delivery } = await rejected;
    expect(delivery?.remote_state?.['error'].condition).toBe('amqp:not-implemented');
  });

  test('is rejected, and the link lives on, if it takes several frames', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(ADDRESS);

    const tooLarge = await sendAndSettle(sender, { to: TO, body: Buffer.alloc(500 * KIB) });
    const right = await sendAndSettle(sender, { to: TO, body: 'on' });

    expect(tooLarge.error?.condition).toBe('amqp:link:message-size-exceeded');
    expect(right.outcome).toBe('accepted');
  });

  test('has its link detached, and the connection lives on, if it is beyond all measure', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(ADDRESS);
    await untilSendable(sender);
    const closed = next(sender, 'sender_close');

    sender.send({ to: TO, body: Buffer.alloc(3_000 * KIB) });
    await closed;
    const other = await sendAndSettle(await client.attachSender(ADDRESS), { to: TO, body: 'on' });

    expect(sender.error).toMatchObject({ condition: 'amqp:link:message-size-exceeded' });
    expect(other.outcome).toBe('accepted');
  });

  test('never lacks credit: thousands go over one link', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(ADDRESS);
    const count = 3_000;
    let accepted = 0;
    let sent = 0;
    const all = new Promise<void>((resolve) => {
      sender.on('accepted', () => {
        accepted++;
        if (accepted === count) resolve();
      });
    });
    function sendMore(): void {
      while (sent < count && sender.sendable()) {
        sent++;
        sender.send({ to: TO, body: 'on' });
      }
    }

    sender.on('sendable', sendMore);
    sender.on('accepted', sendMore);
    sendMore();
    await all;

    expect(hub.state.cloudToDevice.count('device-1')).toBe(count);
  });
});
