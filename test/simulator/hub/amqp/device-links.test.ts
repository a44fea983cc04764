import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import rhea from 'rhea';
import type { EventContext, Receiver } from 'rhea';
import { until } from '../../../support/until.ts';
import { aMessage } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { next, sendAndSettle, untilSendable, type RawAmqpClient } from './raw-amqp-client.ts';

/** What the device SDK never does. */
let hub: AmqpHub;
let devices = 0;
const opened: RawAmqpClient[] = [];
beforeAll(async () => {
  hub = await startAmqpHub();
});
afterEach(() => {
  for (const client of opened.splice(0)) client.destroy();
});
afterAll(async () => {
  await hub.stop();
});

function newDevice(): string {
  const deviceId = `raw-${++devices}`;
  hub.state.registry.create({ deviceId });
  return deviceId;
}

async function open(): Promise<RawAmqpClient> {
  const client = await hub.rawClient();
  opened.push(client);
  return client;
}

function tokenOf(deviceId: string, lifetimeSeconds = 3600): string {
  return hub.token({
    policyName: '',
    resource: `localhost/devices/${deviceId}`,
    key: hub.state.registry.get(deviceId).primaryKey,
    lifetimeSeconds,
  });
}

async function putDeviceToken(client: RawAmqpClient, deviceId: string, seconds?: number) {
  const status = await client.putToken(tokenOf(deviceId, seconds), {
    application_properties: {
      operation: 'put-token',
      type: 'servicebus.windows.net:sastoken',
      name: `localhost/devices/${deviceId}`,
    },
  });
  if (status.code !== 200) throw new Error(status.description);
}

async function openAs(deviceId: string): Promise<RawAmqpClient> {
  const client = await open();
  await putDeviceToken(client, deviceId);
  return client;
}

const messagesOf = (deviceId: string): string => `/devices/${deviceId}/messages/devicebound`;
const eventsOf = (deviceId: string): string => `/devices/${deviceId}/messages/events`;
const methodsOf = (deviceId: string): string => `/devices/${deviceId}/methods/devicebound`;

function enqueue(deviceId: string, messageId: string): void {
  hub.state.cloudToDevice.enqueue(deviceId, aMessage({ messageId }));
}

function fates(deviceId: string): string[] {
  return hub.history
    .filter((event) => event.deviceId === deviceId && event.type !== 'enqueued')
    .map(({ type, messageId }) => `${type} ${messageId ?? ''}`);
}

function collect(receiver: Receiver): EventContext[] {
  const contexts: EventContext[] = [];
  receiver.on('message', (context: EventContext) => contexts.push(context));
  return contexts;
}

function conditionOf(link: { error?: unknown }): string | undefined {
  return (link.error as { condition?: string } | undefined)?.condition;
}

describe('/devices/{deviceId}/messages/devicebound', () => {
  test('sends no more than the device gave credit for', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    const receiver = await client.attachReceiver(messagesOf(deviceId));
    const received = collect(receiver);
    for (const messageId of ['a', 'b', 'c']) enqueue(deviceId, messageId);

    receiver.add_credit(2);
    await until('two', () => received.length === 2);
    received[0]?.delivery?.accept();
    await until('the first done', () => hub.state.cloudToDevice.count(deviceId) === 2);

    expect(fates(deviceId)).toEqual(['delivered a', 'delivered b', 'completed a']);
  });

  test('sends what there is when it is drained, and gives the rest of the credit back', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    enqueue(deviceId, 'only');
    const receiver = await client.attachReceiver(messagesOf(deviceId));
    const received = collect(receiver);
    const drained = next(receiver, 'receiver_drained');

    receiver.drain = true;
    receiver.add_credit(5);
    await drained;
    enqueue(deviceId, 'later');
    await putDeviceToken(client, deviceId);

    expect(received).toHaveLength(1);
    expect(fates(deviceId)).toEqual(['delivered only']);
  });

  test('delivers again after the lock has run out, and does not heed the late answer', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    const receiver = await client.attachReceiver(messagesOf(deviceId), { credit_window: 10 });
    const received = collect(receiver);
    enqueue(deviceId, 'slow');
    await until('the message', () => received.length === 1);

    hub.clock.advance(60_000);
    await until('the message again', () => received.length === 2);
    received[0]?.delivery?.accept();
    // rhea would tell both at once, as the first of them.
    await nextTurn();
    received[1]?.delivery?.reject();
    await until('the end', () => hub.state.cloudToDevice.count(deviceId) === 0);

    expect(received[1]?.message?.delivery_count ?? 0).toBe(0);
    expect(fates(deviceId)).toEqual([
      'delivered slow',
      'lockExpired slow',
      'delivered slow',
      'rejected slow',
    ]);
  });

  test('takes modified for an abandon, and a settlement without an outcome for none', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    const receiver = await client.attachReceiver(messagesOf(deviceId), { credit_window: 10 });
    const received = collect(receiver);
    enqueue(deviceId, 'm');
    await until('once', () => received.length === 1);
    received[0]?.delivery?.modified({ delivery_failed: true });
    await until('twice', () => received.length === 2);
    received[1]?.delivery?.update(true);
    await until('thrice', () => received.length === 3);

    expect(received.map(({ message }) => message?.delivery_count ?? 0)).toEqual([0, 1, 1]);
    expect(fates(deviceId).filter((fate) => !fate.startsWith('delivered'))).toEqual([
      'abandoned m',
      'released m',
    ]);
  });

  test('gives messages back when the link is detached, and serves several devices on one connection', async () => {
    const [one, two] = [newDevice(), newDevice()];
    const client = await openAs(one);
    await putDeviceToken(client, two);
    const first = await client.attachReceiver(messagesOf(one), { credit_window: 10 });
    const second = await client.attachReceiver(messagesOf(two), { credit_window: 10 });
    const [toFirst, toSecond] = [collect(first), collect(second)];
    enqueue(one, 'for-one');
    enqueue(two, 'for-two');
    await until('both', () => toFirst.length === 1 && toSecond.length === 1);

    first.close();
    await next(first, 'receiver_close');
    toSecond[0]?.delivery?.accept();
    await until('the second done', () => hub.state.cloudToDevice.count(two) === 0);

    expect(fates(one)).toEqual(['delivered for-one', 'released for-one']);
    expect(hub.state.registry.get(one).connectionState).toBe('Disconnected');
    expect(hub.state.registry.get(two).connectionState).toBe('Connected');
  });
});

describe('A link of a device', () => {
  test('is refused to the token of another device, and to a policy without DeviceConnect', async () => {
    const [one, two] = [newDevice(), newDevice()];
    const other = await openAs(one);
    const service = await hub.authorizedRawClient({ policyName: 'service' });
    opened.push(service);

    for (const client of [other, service]) {
      for (const address of [messagesOf(two), methodsOf(two)])
        expect((await client.refusal('receiver', address)).error.condition).toBe(
          'amqp:unauthorized-access',
        );
      for (const address of [eventsOf(two), methodsOf(two)])
        expect((await client.refusal('sender', address)).error.condition).toBe(
          'amqp:unauthorized-access',
        );
    }
  });

  test('is open to a policy with DeviceConnect', async () => {
    const deviceId = newDevice();
    const client = await hub.authorizedRawClient({ policyName: 'device' });
    opened.push(client);

    const sender = await client.attachSender(eventsOf(deviceId));

    expect(await sendAndSettle(sender, { body: 'on' })).toMatchObject({ outcome: 'accepted' });
  });

  test('lives on with a renewed token, and ends with the last', async () => {
    const deviceId = newDevice();
    const client = await open();
    await putDeviceToken(client, deviceId, 30);
    const receiver = await client.attachReceiver(messagesOf(deviceId), { credit_window: 10 });
    const received = collect(receiver);
    hub.wallClock.advance(20_000);
    await putDeviceToken(client, deviceId, 30);
    hub.wallClock.advance(20_000);
    enqueue(deviceId, 'm');
    await until('the message', () => received.length === 1);

    const closed = next(receiver, 'receiver_close');
    hub.wallClock.advance(20_000);
    await closed;

    expect(conditionOf(receiver)).toBe('amqp:unauthorized-access');
    expect(fates(deviceId)).toEqual(['delivered m', 'released m']);
    expect(hub.state.registry.get(deviceId).connectionState).toBe('Disconnected');
  });

  test('gives way to a newer connection of the device', async () => {
    const deviceId = newDevice();
    const old = await openAs(deviceId);
    const receiver = await old.attachReceiver(messagesOf(deviceId), { credit_window: 10 });
    const closed = next(receiver, 'receiver_close');
    const newer = await openAs(deviceId);

    await newer.attachReceiver(messagesOf(deviceId));
    await closed;

    expect(conditionOf(receiver)).toBe('amqp:link:stolen');
    expect(hub.state.registry.get(deviceId).connectionState).toBe('Connected');
  });

  test('of one of many devices on a connection is all that ends when that device goes elsewhere', async () => {
    const [stays, goes] = [newDevice(), newDevice()];
    const client = await openAs(stays);
    await putDeviceToken(client, goes);
    const links = await Promise.all(
      [stays, goes].map(async (deviceId) => client.attachReceiver(messagesOf(deviceId))),
    );
    const events = await client.attachSender(eventsOf(goes));
    const closed = Promise.all([
      next(links[1] as Receiver, 'receiver_close'),
      next(events, 'sender_close'),
    ]);

    hub.state.presence.enter(goes, () => {});
    await closed;
    links[0]?.add_credit(1);
    const received = collect(links[0] as Receiver);
    enqueue(stays, 'm');
    await until('the message', () => received.length === 1);

    expect(links.map((link) => link.is_open())).toEqual([true, false]);
    expect([stays, goes].map((id) => hub.state.registry.get(id).connectionState)).toEqual([
      'Connected',
      'Connected',
    ]);
  });

  test('does not serve a device that was disabled while its attach was delayed', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    hub.faults.add('amqp-attach', { kind: 'delay', ms: 1000 });
    const refusal = client.refusal('receiver', messagesOf(deviceId));
    await hub.untilLogged('attach', hub.events('attach').length + 1);
    hub.state.registry.update({ deviceId, status: 'disabled' }, '*');

    hub.wallClock.advance(1000);

    expect((await refusal).error.condition).toBe('amqp:unauthorized-access');
    expect(hub.state.registry.get(deviceId).connectionState).toBe('Disconnected');
  });
});

describe('/devices/{deviceId}/methods/devicebound', () => {
  const CHANNEL = { 'com.microsoft:channel-correlation-id': 'methods:1' };

  function invoke(deviceId: string) {
    return hub.state.methods.invoke({
      deviceId,
      methodName: 'reboot',
      payload: Buffer.from('{"in":1}'),
      responseTimeoutMs: 30_000,
      connectTimeoutMs: 300_000,
    });
  }

  test('asks with name, uuid and JSON once there is credit, and takes the answer of the same channel only', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    const answer = invoke(deviceId);
    const receiver = await client.attachReceiver(methodsOf(deviceId), { properties: CHANNEL });
    const received = collect(receiver);
    const isOnline = hub.state.methods.inFlight(deviceId);
    receiver.add_credit(1);
    await until('the request', () => received.length === 1);
    const { message } = received[0] ?? {};
    const reply = {
      correlation_id: message?.correlation_id as Buffer,
      application_properties: { 'IoThub-status': rhea.types.wrap_int(200) },
      body: rhea.message.data_section(Buffer.from('null')),
    };
    const stranger = await client.attachSender(methodsOf(deviceId), {
      properties: { 'com.microsoft:channel-correlation-id': 'methods:2' },
    });
    const own = await client.attachSender(methodsOf(deviceId), { properties: CHANNEL });
    await sendAndSettle(stranger, {
      ...reply,
      application_properties: { 'IoThub-status': rhea.types.wrap_int(500) },
    });
    const wrong = await sendAndSettle(own, { ...reply, application_properties: {} });
    await sendAndSettle(own, reply);

    expect(isOnline).toBe(1);
    expect(message?.application_properties).toEqual({ 'IoThub-methodname': 'reboot' });
    expect(message?.correlation_id).toHaveLength(16);
    expect(message?.body.content.toString()).toBe('{"in":1}');
    expect(wrong.error?.condition).toBe('com.microsoft:argument-error');
    expect(await answer).toEqual({ status: 200, payload: Buffer.from('null') });
  });

  test('keeps what there is no credit for until there is', async () => {
    const deviceId = newDevice();
    const client = await openAs(deviceId);
    const receiver = await client.attachReceiver(methodsOf(deviceId));
    const received = collect(receiver);
    receiver.add_credit(1);
    const calls = Promise.allSettled([invoke(deviceId), invoke(deviceId)]);
    await until('one', () => received.length === 1);
    receiver.add_credit(1);
    await until('the other', () => received.length === 2);

    hub.clock.advance(30_000);

    expect((await calls).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

describe('/messages/devicebound', () => {
  test('tells each of several messages that come at once its own outcome', async () => {
    const deviceId = newDevice();
    const client = await hub.authorizedRawClient();
    opened.push(client);
    const sender = await client.attachSender('/messages/devicebound');
    await untilSendable(sender);
    const outcomes = new Map<unknown, string>();
    for (const outcome of ['accepted', 'rejected'])
      sender.on(outcome, ({ delivery }: EventContext) => {
        const { condition = '' } = (delivery?.remote_state?.['error'] ?? {}) as {
          condition?: string;
        };
        outcomes.set(delivery?.id, `${outcome} ${condition}`);
      });

    const sent = [deviceId, 'unknown', deviceId, deviceId, 'b(', 'unknown'].map((id) =>
      sender.send({ to: id === 'b(' ? 'nowhere' : messagesOf(id), body: 'x' }),
    );
    await until('all settled', () => outcomes.size === sent.length);

    expect(sent.map(({ id }) => outcomes.get(id))).toEqual([
      'accepted ',
      'rejected amqp:not-found',
      'accepted ',
      'accepted ',
      'rejected com.microsoft:argument-error',
      'rejected amqp:not-found',
    ]);
  });
});
