import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iothub, { type Client } from 'azure-iothub';
import type { EntraSettingsInput } from '../../../../simulator/hub/auth/entra-settings.ts';
import { ManualClock, mapPorts, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import {
  aCredential,
  aSigningKey,
  HUB_SCOPE,
  ISSUER,
  type SigningKey,
  type TokenClaims,
} from '../../../support/entra.ts';
import { until } from '../../../support/until.ts';
import { adminOf, tokenOf } from '../admin/admin-client.ts';
import { signToken } from '../https/a-hub.ts';

let hub: SimulatedHub;
let unmap: () => void;
let key: SigningKey;
let otherKey: SigningKey;
const wallClock = new ManualClock(Date.now());
const clients: Client[] = [];

beforeAll(async () => {
  [key, otherKey] = await Promise.all([aSigningKey('key-1'), aSigningKey('key-2')]);
  hub = await startHub({ devices: [{ deviceId: 'device-1' }], wallClock, entra: settings() });
  unmap = mapPorts({
    hostName: 'localhost',
    ports: { 443: hub.ports.https, 5671: hub.ports.amqp },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
});
afterEach(async () => {
  // The SDK fails to close a connection on which a link was refused.
  await Promise.allSettled(clients.splice(0).map((client) => client.close()));
  hub.entra.replace(settings());
});
afterAll(async () => {
  unmap();
  await hub.stop();
});

function settings(changes: Partial<EntraSettingsInput> = {}): EntraSettingsInput {
  return {
    issuers: [ISSUER],
    keys: [key.publicKey],
    roleAssignments: [
      { principalId: 'app', role: 'IoT Hub Data Contributor' },
      { principalId: 'reader', role: 'b447c946-2db7-41ec-983d-d8bf3b1c77e3' },
      { principalId: 'registrar', role: 'IoT Hub Registry Contributor' },
      { principalId: 'twins', role: 'IoT Hub Twin Contributor' },
      {
        principalId: 'sender',
        dataActions: ['Microsoft.Devices/IotHubs/cloudToDeviceMessages/send/action'],
      },
    ],
    ...changes,
  };
}

function aClient(next?: () => TokenClaims | Promise<TokenClaims>): Client {
  const client = iothub.Client.fromTokenCredential('localhost', aCredential(key, next));
  client.setRetryPolicy(new iotCommon.NoRetry());
  return client;
}

async function openedClient(next?: () => TokenClaims | Promise<TokenClaims>): Promise<Client> {
  const client = aClient(next);
  await client.open();
  clients.push(client);
  return client;
}

async function send(client: Client): Promise<string> {
  const { result } = await client.send('device-1', new iotCommon.Message('{}'));
  return result?.constructor.name ?? '';
}

async function ask(line: string, token: string): Promise<[status: number, text: string]> {
  const [method = '', path] = line.split(' ');
  const sent = httpsRequest({
    host: '127.0.0.1',
    servername: 'localhost',
    port: hub.ports.https,
    ca: hub.certificateAuthorityPem,
    agent: false,
    method,
    path: `${path}?api-version=2021-04-12`,
    headers: { authorization: token.startsWith('Shared') ? token : `Bearer ${token}` },
  });
  sent.end(method.startsWith('P') ? '{}' : undefined);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return [response.statusCode ?? 0, await text(response)];
}

describe('A back end with Entra tokens', () => {
  test('registers a device with the service SDK, which asks for the scope of IoT Hub', async () => {
    const credential = aCredential(key);
    const registry = iothub.Registry.fromTokenCredential('localhost', credential);

    await registry.create({ deviceId: 'made' });
    const { responseBody } = await registry.get('made');
    await registry.delete('made');

    expect(responseBody.deviceId).toBe('made');
    expect(new Set(credential.scopes)).toEqual(new Set([HUB_SCOPE]));
  });

  test('sends a message and reads feedback over AMQP', async () => {
    const client = await openedClient();

    const sent = await send(client);
    const { result: receiver } = await client.getFeedbackReceiver();

    expect(sent).toBe('MessageEnqueued');
    expect(receiver).toBeDefined();
    expect(hub.state.cloudToDevice.count('device-1')).toBeGreaterThan(0);
  });

  test('goes on with a renewed token on the same connection', async () => {
    let renewals = 0;
    // The SDK renews after two thirds of the life, one second at least.
    const client = await openedClient(() => {
      renewals++;
      return { expiresAt: wallClock.now() + (renewals === 1 ? 1_000 : 3_600_000) };
    });
    await send(client);

    await until('a second token', () => tokensPut() === 2);
    wallClock.advance(2_000);

    expect(await send(client)).toBe('MessageEnqueued');
    expect(renewals).toBe(2);
    expect(tokensPut()).toBe(2);

    function tokensPut(): number {
      const connect = hub.log.entries().findLastIndex(({ event }) => event === 'connect');
      const since = hub.log.entries().slice(connect);
      return since.filter(({ event }) => event === 'put-token').length;
    }
  });

  test('is cut off when a token expires because its renewal failed, and may come back', async () => {
    let calls = 0;
    const client = await openedClient(() => {
      calls++;
      if (calls === 2) throw new Error('The tenant is away');
      return { expiresAt: wallClock.now() + (calls === 1 ? 1_000 : 3_600_000) };
    });
    await send(client);
    const disconnected = new Promise((resolve) => client.once('disconnect', resolve));

    // The SDK does not try again.
    await until('the failed renewal', () => calls === 2);
    wallClock.advance(2_000);
    await disconnected;

    expect(await send(client)).toBe('MessageEnqueued');
    expect(calls).toBe(3);
  });

  test.each([
    ['signed with another key', () => otherKey.sign()],
    ['of another issuer', () => key.sign({ iss: 'https://sts.windows.net/other/' })],
    ['for another audience', () => key.sign({ aud: 'https://storage.azure.com' })],
    ['of nobody', () => key.sign({ oid: '' })],
    ['that nobody signed', async () => `${btoa('{"alg":"none"}')}.${btoa('{"oid":"app"}')}.`],
    ['that is none', async () => 'junk'],
  ])('is refused over REST and AMQP with a token %s', async (_, sign) => {
    const token = await sign();
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 1e6 }) };
    const client = iothub.Client.fromTokenCredential('localhost', credential);
    client.setRetryPolicy(new iotCommon.NoRetry());

    const [status, said] = await ask('GET /devices/device-1', token);

    expect([status, said]).toEqual([401, expect.stringContaining('IotHubUnauthorizedAccess')]);
    await expect(client.open()).rejects.toMatchObject({ amqpError: { name: 'UnauthorizedError' } });
  });

  test('is told that a token has expired', async () => {
    const token = await key.sign({ expiresAt: wallClock.now() - 5_000 });

    const [status, said] = await ask('GET /devices/device-1', token);

    expect([status, said]).toEqual([401, expect.stringMatching(/IotHubUnauthorized;.*expired/)]);
  });

  test.each([
    ['reader', 'GET /devices/device-1', 200],
    ['reader', 'GET /twins/device-1', 200],
    ['reader', 'GET /statistics/devices', 200],
    ['registrar', 'GET /devices/device-1', 200],
    ['registrar', 'PUT /devices/device-9', 200],
    // The operation's own answers: no If-Match, an empty list.
    ['registrar', 'DELETE /devices/device-9', 412],
    ['registrar', 'POST /devices', 400],
    ['twins', 'PATCH /twins/device-1', 200],
    ['app', 'GET /messages/serviceBound/feedback', 204],
    ['app', 'DELETE /devices/device-1/commands', 200],
  ])('may do what its role allows: %s, %s: %d', async (oid, line, status) => {
    expect((await ask(line, await key.sign({ oid })))[0]).toBe(status);
  });

  test.each([
    ['reader', 'PATCH /twins/device-1'],
    ['reader', 'DELETE /devices/device-1/commands'],
    ['reader', 'GET /messages/serviceBound/feedback'],
    ['registrar', 'GET /twins/device-1'],
    ['registrar', 'POST /twins/device-1/methods'],
    ['twins', 'GET /devices/device-1'],
    ['sender', 'GET /devices/device-1'],
    ['sender', 'GET /messages/serviceBound/feedback'],
    ['stranger', 'GET /devices/device-1'],
  ])('may not do what its role does not allow: %s, %s', async (oid, line) => {
    const [status, said] = await ask(line, await key.sign({ oid }));

    expect(status).toBe(401);
    expect(said).toContain(`IotHubUnauthorized;Principal ${oid} is not authorized`);
  });

  test.each(['GET /devices/device-1/messages/devicebound', 'GET /$downlink/clock'])(
    'may not do what only keys open: %s',
    async (line) => {
      expect((await ask(line, await key.sign()))[0]).toBe(401);
    },
  );

  test('may attach the links that its role allows', async () => {
    const refusals = () =>
      hub.log.entries().filter(({ detail }) => detail?.['condition'] === 'amqp:unauthorized-access')
        .length;
    const before = refusals();
    const sender = await openedClient(() => ({ oid: 'sender' }));
    const reader = await openedClient(() => ({ oid: 'reader' }));

    const sent = await send(sender);
    await sender.getFeedbackReceiver();
    await until('the feedback link to be refused', () => refusals() === before + 1);
    await reader.getFileNotificationReceiver();

    expect(sent).toBe('MessageEnqueued');
    await expect(send(reader)).rejects.toMatchObject({ name: 'UnauthorizedError' });
    expect(refusals()).toBe(before + 2);
  });
});

describe('/$downlink/entra', () => {
  test('rotates the keys and the assignments', async () => {
    const admin = adminOf(hub);
    const first = await key.sign();
    const second = await otherKey.sign();

    const keys = [otherKey.publicKey];
    const put = await admin('PUT /entra', { body: settings({ keys }) });
    const rotated = [
      await ask('GET /devices/device-1', first),
      await ask('GET /devices/device-1', second),
    ];
    await admin('PUT /entra', { body: settings({ keys, roleAssignments: [] }) });
    const [withdrawn] = await ask('GET /devices/device-1', second);
    const removed = await admin('DELETE /entra');
    const [unknown] = await ask('GET /devices/device-1', second);

    expect([put.status, rotated.map(([status]) => status)]).toEqual([200, [401, 200]]);
    expect([withdrawn, removed.status, unknown]).toEqual([401, 204, 401]);
    expect((await admin('GET /entra')).json).toBeNull();
  });

  test('disables shared access policies for back ends, not for devices and itself', async () => {
    hub.entra.replace(settings({ disableLocalAuth: true }));
    const { primaryKey } = hub.state.registry.get('device-1');
    const ofDevice = signToken('localhost/devices/device-1', primaryKey);

    const [back] = await ask('GET /devices/device-1', tokenOf(hub));
    const [device] = await ask('GET /devices/device-1/messages/devicebound', ofDevice);

    expect([back, device < 300]).toEqual([401, true]);
    expect((await adminOf(hub)('GET /clock')).status).toBe(200);
  });

  test.each([
    ['a role that there is not', { roleAssignments: [{ principalId: 'a', role: 'Owner' }] }],
    ['an assignment of nothing', { roleAssignments: [{ principalId: 'a' }] }],
    ['no key', { keys: [] }],
    ['a private key', { keys: [{ kty: 'EC', d: 'secret' }] }],
    ['no issuer', { issuers: [] }],
    ['a member that there is not', { tenant: 'x' }],
  ])('refuses %s and changes nothing', async (_, changes) => {
    const answer = await adminOf(hub)('PUT /entra', { body: { ...settings(), ...changes } });

    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(JSON.stringify(answer.json)).not.toContain('secret');
    expect((await ask('GET /devices/device-1', await key.sign()))[0]).toBe(200);
  });
});
