import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import rhea from 'rhea';
import type { EventContext, Message } from 'rhea';
import { until } from '../../../support/until.ts';
import { MINUTE, SECOND } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub, type Token } from './amqp-hub.ts';
import { next, sendAndSettle } from './raw-amqp-client.ts';

const OTHER_KEY = Buffer.alloc(32, 7).toString('base64');
const SENDS = '/messages/devicebound';
const FEEDBACK = '/messages/serviceBound/feedback';
const MESSAGE: Message = { to: '/devices/device-1/messages/devicebound', body: 'on' };

let hub: AmqpHub;

beforeEach(async () => {
  hub = await startAmqpHub();
});

afterEach(async () => {
  await hub.stop();
});

describe('put-token', () => {
  test.each<[string, () => Token]>([
    ['the primary key', () => ({})],
    ['the secondary key', () => ({ key: hub.policy('service').secondaryKey })],
    ['a policy with other rights', () => ({ policyName: 'registryRead' })],
    ['an audience with port and scheme', () => ({ resource: 'amqps://LocalHost:5671/' })],
    ['an audience that is part of the hub', () => ({ resource: 'localhost/messages/devicebound' })],
    [
      'a key of a device',
      () => ({
        policyName: '',
        key: hub.state.registry.get('device-1').primaryKey,
        resource: 'localhost/devices/device-1',
      }),
    ],
  ])('is answered 200 for a token with %s', async (_, request) => {
    const client = await hub.rawClient();

    const status = await client.putToken(hub.token(request()), { message_id: 'request-1' });

    expect(status).toEqual({ code: 200, description: 'OK', correlationId: 'request-1' });
  });

  test.each<[string, string, () => string]>([
    ['signed with a wrong key', 'IotHubUnauthorizedAccess', () => hub.token({ key: OTHER_KEY })],
    ['that has expired', 'IotHubUnauthorized', () => hub.token({ lifetimeSeconds: -1 })],
    [
      'of an unknown policy',
      'IotHubUnauthorizedAccess',
      () => hub.token({ policyName: 'nobody', key: OTHER_KEY }),
    ],
    [
      'made for another hub',
      'IotHubUnauthorizedAccess',
      () => hub.token({ resource: 'other.azure-devices.net' }),
    ],
    [
      'of an unknown device',
      'IotHubUnauthorizedAccess',
      () => hub.token({ policyName: '', key: OTHER_KEY, resource: 'localhost/devices/unknown' }),
    ],
    [
      'of another device',
      'IotHubUnauthorizedAccess',
      () => hub.token({ policyName: '', key: OTHER_KEY, resource: 'localhost/devices/device-1' }),
    ],
    ['of Entra', 'IotHubUnauthorizedAccess', () => 'Bearer e30.e30.'],
    ['that is none', 'IotHubUnauthorizedAccess', () => 'SharedAccessSignature sr=%&sig=&se='],
    ['that is empty', 'IotHubUnauthorizedAccess', () => ''],
  ])('is answered 401 at once for a token %s', async (_, errorName, token) => {
    const client = await hub.rawClient();

    const status = await client.putToken(token());

    expect(status.code).toBe(401);
    expect(status.description).toMatch(new RegExp(`^ErrorCode:${errorName};.`));
    const closed = next(client.connection, 'connection_close');
    hub.wallClock.advance(MINUTE);
    await closed;
  });

  test.each<[string, Partial<Message>]>([
    ['another operation', { application_properties: { operation: 'delete-token' } }],
    ['another type', { application_properties: { operation: 'put-token', type: 'jwt' } }],
    [
      'no audience',
      {
        application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken' },
      },
    ],
    ['no properties', { application_properties: {} }],
    ['bytes for a token', { body: rhea.message.data_section(Buffer.from('token')) }],
  ])('is answered 400 for a request with %s', async (_, changes) => {
    const client = await hub.rawClient();

    const status = await client.putToken(hub.token(), changes);

    expect(status.code).toBe(400);
    expect(status.description).toMatch(/^ErrorCode:ArgumentInvalid;./);
  });

  test('is answered on the link that the request names', async () => {
    const client = await hub.rawClient();
    const answers: string[] = [];
    for (const address of ['first', 'second']) {
      const receiver = await client.attachReceiver('$cbs', { target: { address } });
      receiver.on('message', () => answers.push(address));
      receiver.add_credit(5);
    }
    const sender = await client.attachSender('$cbs');
    const request: Message = {
      application_properties: {
        operation: 'put-token',
        type: 'servicebus.windows.net:sastoken',
        name: 'localhost',
      },
      body: hub.token(),
    };

    for (const reply_to of ['first', 'second', 'first'])
      await sendAndSettle(sender, { ...request, reply_to, message_id: 1 });
    await client.putToken(hub.token());

    expect(answers).toEqual(['first', 'second', 'first']);
  });

  test('is answered later if the link for answers attaches later', async () => {
    const client = await hub.rawClient();
    const sender = await client.attachSender('$cbs');
    await sendAndSettle(sender, { message_id: 'early', body: 'nonsense' });

    const receiver = await client.attachReceiver('$cbs');
    const answer = next(receiver, 'message');
    receiver.add_credit(1);

    expect((await answer).message?.correlation_id).toBe('early');
  });

  test('is answered thousands of times to one who settles in two steps', async () => {
    const client = await hub.rawClient();
    const receiver = await client.attachReceiver('$cbs', {
      rcv_settle_mode: 1,
      autosettle: true,
      credit_window: 100,
    });
    let answers = 0;
    receiver.on('message', ({ delivery }: EventContext) => {
      answers++;
      delivery?.accept();
    });
    const sender = await client.attachSender('$cbs');

    for (let burst = 0; burst < 5; burst++) {
      for (let count = 0; count < 500; count++) sender.send({ body: 'nonsense' });
      await until('all answers', () => answers === (burst + 1) * 500);
    }

    expect(answers).toBe(2_500);
  });

  test('ends the link of one who asks and asks and takes no answer', async () => {
    const client = await hub.rawClient();
    const sender = await client.attachSender('$cbs');
    const closed = next(sender, 'sender_close');

    for (let burst = 0; burst < 2; burst++) {
      for (let count = 0; count < 999; count++) sender.send({ body: 'nonsense' });
      await sendAndSettle(sender, { body: 'nonsense' });
    }
    for (let count = 0; count < 100; count++) sender.send({ body: 'nonsense' });
    await closed;

    expect(sender.error).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
  });

  test('holds no more tokens than a connection may have', async () => {
    const client = await hub.rawClient();
    const token = hub.token();
    const properties = { operation: 'put-token', type: 'servicebus.windows.net:sastoken' };

    const statuses = await Promise.all(
      Array.from({ length: 1_030 }, async (_, place) =>
        client.putToken(token, { application_properties: { ...properties, name: `a${place}` } }),
      ),
    );

    expect(statuses.map(({ code }) => code)).toEqual([
      ...Array.from({ length: 1_024 }, () => 200),
      ...Array.from({ length: 6 }, () => 403),
    ]);
  });
});

describe('the service SDK', () => {
  test.each([
    ['a wrong key', () => hub.connectionString('service', OTHER_KEY)],
    ['an unknown policy', () => hub.connectionString('nobody', OTHER_KEY)],
  ])('does not open with %s', async (_, text) => {
    await expect(hub.sdkClient(text()).open()).rejects.toMatchObject({
      amqpError: { name: 'UnauthorizedError' },
    });
  });

  test('opens, but cannot send, with a policy that has no right to', async () => {
    const client = hub.sdkClient(hub.connectionString('registryReadWrite'));
    await client.open();

    await expect(client.send('device-1', 'on')).rejects.toMatchObject({
      name: 'UnauthorizedError',
    });
  });

  test('is thrown off its links when its token expires, and comes back with a new one', async () => {
    const client = hub.sdkClient();
    await client.open();
    await client.getFeedbackReceiver();
    const disconnected = once(client, 'disconnect');

    hub.wallClock.advance(61 * MINUTE);
    await disconnected;
    hub.wallClock.advance(-61 * MINUTE);
    await client.send('device-1', 'on');

    expect(hub.state.cloudToDevice.count('device-1')).toBe(1);
  });
});

describe('a link', () => {
  test.each([
    ['devices', SENDS],
    ['unknown addresses', '/nothing/here'],
  ])('to %s is refused before a token was put', async (_, address) => {
    const client = await hub.rawClient();
    const { link, error } = await client.refusal('sender', address);

    expect(error).toEqual({
      condition: 'amqp:unauthorized-access',
      description: expect.stringMatching(/^ErrorCode:IotHubUnauthorizedAccess;./),
    });
    // AMQP 1.0 §2.6.3
    expect(link.target?.address).toBeUndefined();
  });

  test.each([
    ['registryReadWrite', 'sender', SENDS],
    ['device', 'receiver', FEEDBACK],
  ] as const)('is refused to the policy %s', async (policyName, role, address) => {
    const client = await hub.authorizedRawClient({ policyName });

    const { error } = await client.refusal(role, address);

    expect(error.condition).toBe('amqp:unauthorized-access');
  });

  test('is open to a token made for it, others are not', async () => {
    const client = await hub.authorizedRawClient({ resource: 'localhost/messages/devicebound' });

    const { error } = await client.refusal('receiver', FEEDBACK);
    const { outcome } = await sendAndSettle(await client.attachSender(SENDS), MESSAGE);

    expect(outcome).toBe('accepted');
    expect(error.condition).toBe('amqp:unauthorized-access');
  });

  test('is open to the second of two tokens', async () => {
    const client = await hub.authorizedRawClient({ policyName: 'registryRead' });
    const properties = {
      operation: 'put-token',
      type: 'servicebus.windows.net:sastoken',
      name: 'another',
    };
    await client.putToken(hub.token(), { application_properties: properties });

    const { outcome } = await sendAndSettle(await client.attachSender(SENDS), MESSAGE);

    expect(outcome).toBe('accepted');
  });

  test('is detached when its token expires; what it held is free at once', async () => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient({ lifetimeSeconds: 30 });
    const receiver = await client.attachReceiver(FEEDBACK);
    receiver.add_credit(1);
    await next(receiver, 'message');
    const closed = next(receiver, 'receiver_close');

    hub.wallClock.advance(31 * SECOND);
    await closed;

    expect(receiver.error).toMatchObject({ condition: 'amqp:unauthorized-access' });
    expect(hub.state.feedback.counts()).toMatchObject({ waitingBatches: 1, lockedBatches: 0 });
  });

  test('stays, with what it holds, when its token is renewed', async () => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient({ lifetimeSeconds: 30 });
    const receiver = await client.attachReceiver(FEEDBACK);
    receiver.add_credit(1);
    const { delivery } = await next(receiver, 'message');

    hub.wallClock.advance(20 * SECOND);
    await client.putToken(hub.token({ lifetimeSeconds: 60 }));
    hub.wallClock.advance(20 * SECOND);
    delivery?.accept();
    await hub.untilLogged('disposition');

    expect(hub.state.feedback.counts()).toMatchObject({ waitingBatches: 0, lockedBatches: 0 });
    expect(receiver.is_open()).toBe(true);
  });

  test('stays when another token covers it', async () => {
    const client = await hub.authorizedRawClient({ lifetimeSeconds: 30 });
    const sender = await client.attachSender(SENDS);
    await client.putToken(hub.token(), {
      application_properties: {
        operation: 'put-token',
        type: 'servicebus.windows.net:sastoken',
        name: 'another',
      },
    });

    hub.wallClock.advance(31 * SECOND);
    const { outcome } = await sendAndSettle(sender, MESSAGE);

    expect(outcome).toBe('accepted');
  });

  test('is detached when its token is replaced by one of fewer rights', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(SENDS);
    const closed = next(sender, 'sender_close');

    await client.putToken(hub.token({ policyName: 'registryRead' }));
    await closed;

    expect(sender.error).toMatchObject({ condition: 'amqp:unauthorized-access' });
  });

  test.each(['/messages/events', '/devices/device-1/messages/devicebound', ''])(
    'with the address "%s" is refused: there is none',
    async (address) => {
      const client = await hub.authorizedRawClient();

      const { error } = await client.refusal('sender', address);

      expect(error).toEqual({
        condition: 'amqp:not-found',
        description: expect.stringContaining(`'${address}'`),
      });
    },
  );

  test('is refused in the wrong direction', async () => {
    const client = await hub.authorizedRawClient();

    const { error } = await client.refusal('receiver', SENDS);

    expect(error.condition).toBe('amqp:not-found');
  });
});

describe('a connection', () => {
  test.each([[true], [false]])('begins with SASL: %s', async (sasl) => {
    const client = await hub.rawClient({ sasl });

    expect((await client.putToken(hub.token())).code).toBe(200);
  });

  test('says who serves it, and with which limits', async () => {
    const { connection } = await hub.rawClient();

    expect(connection.container_id).toMatch(/^DeviceGateway_/);
    expect(connection).toMatchObject({
      max_frame_size: 65_536,
      channel_max: 8_191,
      idle_time_out: 240_000,
    });
  });

  test('is closed if no token comes in time', async () => {
    const { connection } = await hub.rawClient();
    const closed = next(connection, 'connection_close');

    hub.wallClock.advance(MINUTE);
    await closed;

    expect(connection.error).toMatchObject({ condition: 'amqp:unauthorized-access' });
  });

  test('is closed some time after its last token has expired', async () => {
    const { connection } = await hub.authorizedRawClient({ lifetimeSeconds: 30 });
    const closed = next(connection, 'connection_close');

    hub.wallClock.advance(31 * SECOND);
    expect(connection.is_open()).toBe(true);
    hub.wallClock.advance(MINUTE);
    await closed;
  });

  test('takes its tokens with it when it goes', async () => {
    const client = await hub.authorizedRawClient();
    client.destroy();
    await hub.untilLogged('disconnected');

    hub.wallClock.advance(120 * MINUTE);

    expect(hub.events('token expired')).toEqual([]);
  });

  test('may go on for long with a token', async () => {
    const client = await hub.authorizedRawClient();

    hub.wallClock.advance(59 * MINUTE);
    const { outcome } = await sendAndSettle(await client.attachSender(SENDS), MESSAGE);

    expect(outcome).toBe('accepted');
  });

  test('is cut if it does not even begin in time', async () => {
    const socket = await hub.openTls();
    const closed = once(socket, 'close');
    await hub.untilLogged('connect');

    hub.wallClock.advance(MINUTE - 1);
    expect(socket.destroyed).toBe(false);
    hub.wallClock.advance(1);
    await closed;
  });

  test('leaves nothing of its tokens in the log', async () => {
    const token = hub.token();
    const client = await hub.rawClient();
    await client.putToken(token);
    await client.putToken(`${token}x`);

    const logged = JSON.stringify(hub.log.entries());

    expect(hub.events('put-token').map(({ detail }) => detail?.['status'])).toEqual([200, 401]);
    expect(logged).not.toMatch(/sig=|SharedAccessSignature/);
  });
});
