import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startAppProcess } from '../support/app-process.ts';
import { aSigningKey, ISSUER, type SigningKey, type TokenClaims } from '../support/entra.ts';
import { startIdentityEndpoint } from '../support/identity-endpoint.ts';
import { Stack } from '../support/stack.ts';

const API = 'api://downlink';
const HOUR_MS = 3_600_000;

/** With every role that opens it alone; the body is one that the route takes. */
const ROUTES: readonly [line: string, role: string, json: object | undefined][] = [
  ['GET /api/devices', 'Downlink.Read', undefined],
  ['GET /api/devices/device-2', 'Downlink.Read', undefined],
  ['GET /api/devices/device-2/messages', 'Downlink.Read', undefined],
  ['GET /api/devices/device-2/messages/m-1', 'Downlink.Read', undefined],
  ['GET /api/devices/device-2/invocations', 'Downlink.Read', undefined],
  ['GET /api/devices/device-2/invocations/i-1', 'Downlink.Read', undefined],
  ['GET /api/events', 'Downlink.Read', undefined],
  ['GET /api/limits', 'Downlink.Read', undefined],
  ['GET /api/health/details', 'Downlink.Read', undefined],
  ['POST /api/devices/device-2/messages', 'Downlink.Send', { messageId: 'm-1', body: {} }],
  ['DELETE /api/devices/device-2/messages', 'Downlink.Send', undefined],
  ['POST /api/devices/device-2/methods/reboot', 'Downlink.Invoke', {}],
];
const ROLES = ['Downlink.Read', 'Downlink.Send', 'Downlink.Invoke'];

let stack: Stack;
let endpoint: Awaited<ReturnType<typeof startIdentityEndpoint>>;
let key: SigningKey;
let strangersKey: SigningKey;
let settings: Record<string, string>;

beforeAll(async () => {
  [key, strangersKey] = await Promise.all([aSigningKey('key-1'), aSigningKey('key-1')]);
  endpoint = await startIdentityEndpoint(async () => {
    const expiresAt = Date.now() + HOUR_MS;
    return { token: await key.sign({ oid: 'the-app', expiresAt }), expiresAt };
  });
  const tenant = { issuers: [ISSUER], keys: [key.publicKey] };
  settings = {
    ...endpoint.environment,
    DOWNLINK_IOTHUB_CONNECTION_STRING: '',
    DOWNLINK_IOTHUB_HOST_NAME: 'localhost',
    DOWNLINK_AUTH: 'entra',
    DOWNLINK_LOCAL_ENTRA: JSON.stringify({ ...tenant, audiences: [API] }),
  };
  stack = await Stack.start({
    hub: {
      devices: [{ deviceId: 'device-1' }, { deviceId: 'device-2' }],
      entra: {
        ...tenant,
        roleAssignments: [{ principalId: 'the-app', role: 'IoT Hub Data Contributor' }],
        disableLocalAuth: true,
      },
    },
    settings,
  });
});
afterAll(async () => {
  await stack.stop();
  await endpoint.stop();
});

async function token(claims: TokenClaims = {}, signingKey = key): Promise<string> {
  return `Bearer ${await signingKey.sign({ oid: 'caller', aud: API, ...claims })}`;
}

async function call(line: string, headers: Record<string, string>, json?: object) {
  const [method = '', route = ''] = line.split(' ');
  const { status, body } = await stack.call(method, route, {
    // What the stack adds by itself opens nothing here.
    headers: { 'x-functions-key': 'local-development-key', ...headers },
    ...(json && { json }),
  });
  return { status, code: body['code'] };
}

/** As App Service would write it. */
function forgedPrincipal(roles: readonly string[]): string {
  const claims = roles.map((val) => ({ typ: 'roles', val }));
  return Buffer.from(JSON.stringify({ auth_typ: 'aad', claims })).toString('base64');
}

describe('The app behind Entra, with an identity in place of every hub key', () => {
  test('takes a message and tells what became of it', async () => {
    const authorization = await token({ roles: ROLES });
    const path = '/api/devices/device-1/messages';
    const json = { messageId: 'by-identity', body: { on: true }, ttlSeconds: 3600 };

    const sent = await stack.call('POST', path, { headers: { authorization }, json });
    const { lockToken = '' } = stack.hub.state.cloudToDevice.receive('device-1') ?? {};
    stack.hub.state.cloudToDevice.complete('device-1', lockToken);
    const outcome = await stack.call('GET', `${path}/by-identity?waitSeconds=20`, {
      headers: { authorization },
    });

    expect([sent.status, outcome.body['status']]).toEqual([202, 'delivered']);
    expect(stack.app.output()).not.toContain(authorization.slice(-20));
  });

  test.each(ROUTES)('%s is open to %s alone', async (line, role, json) => {
    const answers: Record<string, number> = {};
    for (const each of [...ROLES, 'Downlink.Admin', ''])
      answers[each] = (
        await call(line, { authorization: await token({ roles: each === '' ? [] : [each] }) }, json)
      ).status;

    const refused = [...ROLES, 'Downlink.Admin', ''].filter((each) => each !== role);
    expect(refused.map((each) => answers[each])).toEqual(refused.map(() => 403));
    expect([401, 403, 500, 503]).not.toContain(answers[role]);
  });

  test.each(ROUTES)('%s lets nobody in without a token for it', async (line, _role, json) => {
    const principal = { 'x-ms-client-principal': forgedPrincipal(ROLES) };
    const roles = ROLES;
    const attempts: Record<string, string>[] = [
      {},
      principal,
      { ...principal, 'x-ms-client-principal-id': 'caller', 'x-ms-client-principal-idp': 'aad' },
      { authorization: 'Bearer junk', ...principal },
      { authorization: await token({ roles, expiresAt: Date.now() - 5_000 }) },
      { authorization: await token({ roles, aud: 'https://iothubs.azure.net' }) },
      { authorization: await token({ roles, iss: 'https://sts.windows.net/other/' }) },
      { authorization: await token({ roles, oid: '' }) },
      { authorization: await token({ roles }, strangersKey) },
    ];

    const answers = [];
    for (const headers of attempts) answers.push((await call(line, headers, json)).status);

    expect(answers).toEqual(attempts.map(() => 401));
  });

  test('a forged principal adds nothing to the roles of a token', async () => {
    const authorization = await token({ roles: ['Downlink.Read'] });
    const headers = { authorization, 'x-ms-client-principal': forgedPrincipal(ROLES) };

    const { status, code } = await call('DELETE /api/devices/device-2/messages', headers);

    expect([status, code]).toEqual([403, 'forbidden']);
  });

  test('a method that a path does not have takes a token, and no role', async () => {
    const authorization = await token({ roles: [] });

    expect((await call('PUT /api/devices', { authorization })).status).toBe(405);
    expect((await call('PUT /api/devices', {})).status).toBe(401);
  });

  test('a fallback takes the role for messages too', async () => {
    const line = 'POST /api/devices/device-2/methods/reboot';
    const json = { fallback: { messageTtlSeconds: 60 } };

    const invokes = await token({ roles: ['Downlink.Invoke'] });
    const both = await token({ roles: ['Downlink.Invoke', 'Downlink.Send'] });

    expect((await call(line, { authorization: invokes }, json)).status).toBe(403);
    expect((await call(line, { authorization: both }, json)).status).toBe(202);
  });

  test.each(['/api/health', '/api/openapi.json'])('%s is open to everybody', async (route) => {
    expect((await call(`GET ${route}`, {})).status).toBe(200);
  });

  test('does not start where nobody checks who calls', async () => {
    const { DOWNLINK_LOCAL_ENTRA: _off, ...without } = settings;
    const starting = startAppProcess({
      ...without,
      AzureWebJobsStorage: stack.storage.connectionString,
      // Not for whoever starts the host to say.
      WEBSITE_AUTH_ENABLED: 'True',
    });

    await expect(starting).rejects.toThrow(/App Service authentication is off/);
  });
});
