import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { EventContext } from 'rhea';
import { until } from '../../../support/until.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { sendAndSettle, type RawAmqpClient } from './raw-amqp-client.ts';

const MODULE = 'device-1/pump';
const ROOT = '/devices/device-1/modules/pump';

/** What the module client of the SDK never does. */
let hub: AmqpHub;
const opened: RawAmqpClient[] = [];
beforeAll(async () => {
  hub = await startAmqpHub({ feedback: { intervalMs: 0 } });
  hub.state.registry.create({ deviceId: 'device-1', moduleId: 'pump' });
});
afterEach(() => {
  for (const client of opened.splice(0)) client.destroy();
});
afterAll(async () => {
  await hub.stop();
});

async function openAs(key: string): Promise<RawAmqpClient> {
  const client = await hub.authorizedRawClient({
    policyName: '',
    resource: `localhost/devices/${key.replace('/', '/modules/')}`,
    key: hub.state.registry.get(key).primaryKey,
  });
  opened.push(client);
  return client;
}

async function sendTo(to: string, messageId: string) {
  const client = await hub.authorizedRawClient();
  opened.push(client);
  const sender = await client.attachSender('/messages/devicebound');
  const message = { to, message_id: messageId, application_properties: { 'iothub-ack': 'full' } };
  return sendAndSettle(sender, { ...message, body: 'on' });
}

describe('the addresses of a module', () => {
  test('bring it the messages that back ends send to it, with feedback', async () => {
    const client = await openAs(MODULE);
    const receiver = await client.attachReceiver(`${ROOT}/messages/devicebound`);
    const received: EventContext[] = [];
    receiver.on('message', (context: EventContext) => received.push(context));
    receiver.add_credit(10);

    const sent = await sendTo(`${ROOT}/messages/devicebound`, 'm-1');
    const { message, delivery } = await until('the message', () => received[0]);
    delivery?.accept();
    await until('its end', () => hub.state.cloudToDevice.count(MODULE) === 0);

    expect(sent.outcome).toBe('accepted');
    expect(message).toMatchObject({ message_id: 'm-1', to: `${ROOT}/messages/devicebound` });
    expect(hub.state.cloudToDevice.count('device-1')).toBe(0);
    expect(hub.state.feedback.receive()?.records).toMatchObject([
      {
        originalMessageId: 'm-1',
        statusCode: 'Success',
        deviceId: 'device-1',
        deviceGenerationId: hub.state.registry.get(MODULE).generationId,
      },
    ]);
  });

  test.each([
    ['/devices/device-1/modules/x/messages/devicebound', 'amqp:not-found'],
    ['/devices/x/modules/pump/messages/devicebound', 'amqp:not-found'],
    ['/devices/device-1%2Fpump/messages/devicebound', 'com.microsoft:argument-error'],
    ['/devices/device-1/modules//messages/devicebound', 'com.microsoft:argument-error'],
  ])('take no message for %s: %s', async (to, condition) => {
    const { outcome, error } = await sendTo(to, 'm-2');

    expect([outcome, error?.condition]).toEqual(['rejected', condition]);
    expect(hub.state.cloudToDevice.count(MODULE)).toBe(0);
  });

  test.each([
    ['receiver', `${ROOT}/messages/events`, 'amqp:not-found'],
    ['receiver', `${ROOT}/inputs/input1`, 'amqp:not-found'],
    ['sender', `${ROOT}/outputs/output1`, 'amqp:not-found'],
    ['receiver', '/devices/device-1/messages/devicebound', 'amqp:unauthorized-access'],
    ['sender', '/devices/device-1/messages/events', 'amqp:unauthorized-access'],
    ['sender', '/devices/device-1/modules/other/messages/events', 'amqp:unauthorized-access'],
    ['receiver', '/devices/device-1%2Fpump/messages/devicebound', 'amqp:unauthorized-access'],
  ] as const)('refuse it a %s of %s', async (role, address, condition) => {
    const client = await openAs(MODULE);

    expect((await client.refusal(role, address)).error.condition).toBe(condition);
  });

  test('refuse its device, whose token is not for it', async () => {
    const client = await openAs('device-1');

    const { error } = await client.refusal('sender', `${ROOT}/messages/events`);

    expect(error.condition).toBe('amqp:unauthorized-access');
  });

  test('are those of several modules on one connection', async () => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'a/b'.replace('/', '%2F') });
    const client = await hub.authorizedRawClient({ policyName: 'device' });
    opened.push(client);

    await client.attachSender(`${ROOT}/messages/events`);
    await client.attachSender('/devices/device-1/modules/a%252Fb/messages/events');
    await until('both', () =>
      hub.state.registry
        .modulesOf('device-1')
        .every(({ connectionState }) => connectionState === 'Connected'),
    );

    expect(hub.state.registry.get('device-1').connectionState).toBe('Disconnected');
  });
});
