import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@downlink/simulator';
import { aSigningKey, ISSUER, type SigningKey } from '../../support/entra.ts';
import { startIdentityEndpoint } from '../../support/identity-endpoint.ts';
import { until } from '../../support/until.ts';
import { aMessage, reportSuccess, startHubUnderTest, type HubUnderTest } from './hub-under-test.ts';

const HOUR_MS = 3_600_000;
const RIGHTS = [
  'cloudToDeviceMessages/send/action',
  'cloudToDeviceMessages/feedback/action',
  'cloudToDeviceMessages/queue/purge/action',
  'directMethods/invoke/action',
  'devices/read',
  'twins/read',
];

let server: HubUnderTest;
let endpoint: Awaited<ReturnType<typeof startIdentityEndpoint>>;
let key: SigningKey;
const wallClock = new ManualClock(Date.now());
/** How long the next tokens live; a status answers instead. */
let lives: (number | { status: number })[] = [];

beforeAll(async () => {
  key = await aSigningKey('key-1');
  server = await startHubUnderTest({
    wallClock,
    settings: { feedback: { intervalMs: 0 } },
    entra: {
      issuers: [ISSUER],
      keys: [key.publicKey],
      roleAssignments: [
        {
          principalId: 'app',
          dataActions: RIGHTS.map((right) => `Microsoft.Devices/IotHubs/${right}`),
        },
        { principalId: 'reader', role: 'IoT Hub Data Reader' },
      ],
      disableLocalAuth: true,
    },
  });
  endpoint = await startIdentityEndpoint(async ({ clientId }) => {
    const life = lives.shift() ?? HOUR_MS;
    if (typeof life !== 'number') return life.status;
    // A JWT's times are whole seconds.
    const expiresAt = Math.ceil((wallClock.now() + life) / 1000) * 1000;
    const oid = clientId === 'reader' ? 'reader' : 'app';
    return { token: await key.sign({ oid, expiresAt }), expiresAt };
  });
  Object.assign(process.env, endpoint.environment);
});
afterEach(() => {
  lives = [];
  endpoint.requests.length = 0;
});
afterAll(async () => {
  for (const name of Object.keys(endpoint.environment)) Reflect.deleteProperty(process.env, name);
  await server.stop();
  await endpoint.stop();
});

/** Another client id each time: the identity's library keeps tokens for the whole process. */
function connect(clientId: string, feedbackSource: 'amqp' | 'rest' = 'amqp') {
  return server.connect({ identity: { hostName: 'localhost', clientId }, feedbackSource });
}

describe("The hub by the app's identity, without a key", () => {
  test('does all that the app needs, by the rights that it documents', async () => {
    const hub = connect('all');

    await hub.probe.check();
    await hub.sender.send(aMessage());
    const purged = await hub.purger.purge('device-1');
    const device = await hub.devices.get('device-1');
    const { items } = await hub.devices.list({ limit: 10 });
    const invoked = hub.invoker.invoke({
      deviceId: 'device-1',
      methodName: 'reboot',
      payload: null,
      connectTimeoutSeconds: 0,
      responseTimeoutSeconds: 5,
    });

    expect(purged).toBe(1);
    expect([device.deviceId, items.length]).toEqual(['device-1', 1]);
    await expect(invoked).rejects.toMatchObject({ code: 'device-not-online' });
    expect(endpoint.requests[0]).toMatchObject({
      resource: 'https://iothubs.azure.net',
      clientId: 'all',
      secret: endpoint.environment.IDENTITY_HEADER,
    });
  });

  test.each(['amqp', 'rest'] as const)('reads feedback over %s', async (source) => {
    reportSuccess(server.hub, `by-${source}`);
    const session = await connect(`feedback-${source}`, source).feedback.open();

    const messageIds: string[] = [];
    await until('the record', async () => {
      for (const batch of await session.receive({ waitMs: 1_000, maxBatches: 1 })) {
        messageIds.push(...batch.records.map(({ messageId }) => messageId));
        await batch.complete();
      }
      return messageIds.includes(`by-${source}`);
    });

    expect(messageIds).toContain(`by-${source}`);
    await session.close();
  });

  test('is told that the identity lacks the role', async () => {
    const hub = connect('reader');

    await expect(hub.sender.send(aMessage())).rejects.toMatchObject({
      code: 'hub-unavailable',
      message: expect.stringContaining('check its role on the hub'),
    });
  });

  test('is told that there is no identity', async () => {
    lives = [{ status: 400 }, { status: 400 }];
    const hub = connect('nobody');

    await expect(hub.sender.send(aMessage())).rejects.toMatchObject({ code: 'hub-unavailable' });
    await expect(hub.devices.get('device-1')).rejects.toMatchObject({ code: 'hub-unavailable' });
  });

  test('goes on over the same connection with a renewed token', async () => {
    // The SDK renews after two thirds of a life, one second at least.
    lives = [1_000];
    const hub = connect('renewed');
    await hub.sender.send(aMessage());
    const connections = server.seen('open');

    await until('a second token', () => endpoint.requests.length === 2);
    await until('the hub to have it', () => tokensPut() >= 2);
    wallClock.advance(3_000);
    await hub.sender.send(aMessage({ messageId: 'after' }));

    expect(server.seen('open')).toBe(connections);

    function tokensPut(): number {
      const entries = server.hub.log.entries();
      const opened = entries.findLastIndex(({ event }) => event === 'open');
      return entries.slice(opened).filter(({ event }) => event === 'put-token').length;
    }
  });

  test('takes another connection when a renewal failed, before the hub cuts this one off', async () => {
    lives = [1_000, { status: 400 }];
    const hub = connect('failed-renewal');
    await hub.sender.send(aMessage());
    const connections = server.seen('open');

    await until('the failed renewal', () => endpoint.requests.length === 2);
    await until('a send over another connection', async () => {
      await hub.sender.send(aMessage({ messageId: `after-${endpoint.requests.length}` }));
      return server.seen('open') > connections;
    });

    expect(endpoint.requests.length).toBe(3);
    expect(server.seen('token expired')).toBe(0);
  });
});
