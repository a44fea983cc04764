import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestHub, type TestHub } from './a-hub.ts';

const MODULE = '/devices/device-1/modules/pump';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(async () => {
  await hub.head.stop();
});

const pump = () => hub.state.registry.get('device-1/pump');

describe('PUT /devices/{deviceId}/modules/{moduleId}', () => {
  test('creates a module with keys of its own, and gives its ETag', async () => {
    const response = await hub.send(`PUT ${MODULE}`, { body: { managedBy: 'operator' } });

    const { generationId, etag, primaryKey, secondaryKey } = pump();
    expect(response.headers.etag).toBe(`"${etag}"`);
    expect([response.status, response.json]).toEqual([
      200,
      {
        moduleId: 'pump',
        managedBy: 'operator',
        deviceId: 'device-1',
        generationId,
        etag,
        connectionState: 'Disconnected',
        connectionStateUpdatedTime: '0001-01-01T00:00:00Z',
        lastActivityTime: '0001-01-01T00:00:00Z',
        cloudToDeviceMessageCount: 0,
        authentication: {
          symmetricKey: { primaryKey, secondaryKey },
          x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
          type: 'sas',
        },
      },
    ]);
  });

  test('tells a second time in an envelope of its own that the module is there', async () => {
    await hub.send(`PUT ${MODULE}`, { body: {} });

    const { status, headers, json } = await hub.send(`PUT ${MODULE}`, { body: {} });

    expect([status, headers['iothub-errorcode']]).toEqual([409, 'ModuleAlreadyExistsOnDevice']);
    expect(json).toEqual({
      errorCode: 409301,
      message: expect.stringContaining("'pump'"),
      trackingId: expect.any(String),
      timestampUtc: '2026-01-01T00:00:00.000Z',
    });
  });

  test('replaces a module as a whole: what says nothing of authentication brings new keys', async () => {
    await hub.send(`PUT ${MODULE}`, { body: { managedBy: 'operator' } });
    const { primaryKey } = pump();
    const headers = { 'if-match': '*' };
    const authentication = { type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } };

    await hub.send(`PUT ${MODULE}`, { headers, body: { authentication } });
    const kept = pump().primaryKey;
    await hub.send(`PUT ${MODULE}`, { headers, body: {} });

    expect(kept).toBe(primaryKey);
    expect(pump().primaryKey).not.toBe(primaryKey);
    expect(pump()).not.toHaveProperty('managedBy');
  });

  test('gives keys to a module that is to have no authentication', async () => {
    const { json } = await hub.send(`PUT ${MODULE}`, {
      body: { authentication: { type: 'none' } },
    });

    expect(json).toMatchObject({ authentication: { type: 'sas' } });
  });

  test.each([
    ['another module id in the body', MODULE, { moduleId: 'other' }],
    ['another device id in the body', MODULE, { deviceId: 'other' }],
    ['a key that is no base64', MODULE, { authentication: { symmetricKey: { primaryKey: '!' } } }],
    ["one of the hub's own", '/devices/device-1/modules/$edgeHub', {}],
    ['no JSON object', MODULE, '[]'],
  ])('refuses %s', async (_case, path, body) => {
    const { status, json } = await hub.send(`PUT ${path}`, { body });

    expect([status, json]).toEqual([400, expect.objectContaining({ errorCode: 400004 })]);
    expect(hub.state.registry.modulesOf('device-1')).toEqual([]);
  });

  test('needs the right to write, and counts as many modules as a device may have', async () => {
    const policy = 'registryRead';
    expect((await hub.send(`PUT ${MODULE}`, { policy, body: {} })).status).toBe(401);
    for (let count = 0; count < 50; count++)
      hub.state.registry.create({ deviceId: 'device-1', moduleId: `m-${count}` });

    const { status, json } = await hub.send(`PUT ${MODULE}`, { body: {} });

    expect([status, json]).toEqual([413, expect.objectContaining({ errorCode: 413003 })]);
  });
});

describe('a module that is not there, or whose device is not', () => {
  test.each([
    ['GET /devices/device-1/modules/x', 404, 'ModuleNotFound'],
    ['DELETE /devices/device-1/modules/x', 404, 'ModuleNotFound'],
    ['PUT /devices/device-1/modules/x', 404, 'ModuleNotFound'],
    ['GET /twins/device-1/modules/x', 404, 'DeviceNotFound'],
    ['PATCH /twins/device-1/modules/x', 404, 'DeviceNotFound'],
    ['POST /twins/device-1/modules/x/methods', 404, 'DeviceNotFound'],
    // To who comes with a shared key.
    ['GET /devices/x/modules', 401, 'IotHubUnauthorizedAccess'],
    ['GET /devices/x/modules/x', 401, 'IotHubUnauthorizedAccess'],
    ['DELETE /devices/x/modules/x', 401, 'IotHubUnauthorizedAccess'],
    ['PUT /devices/x/modules/x', 401, 'IotHubUnauthorizedAccess'],
  ])('%s answers %i %s', async (line, status, code) => {
    const body = line.startsWith('POST') ? { methodName: 'm' } : {};
    const response = await hub.send(line, { headers: { 'if-match': '*' }, body });

    expect([response.status, response.headers['iothub-errorcode']]).toEqual([status, code]);
  });

  test('is not passed off as a device', async () => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'pump' });
    const lines = [
      'GET /devices',
      'DELETE /devices',
      'GET /twins',
      'PUT /devices/device-1/modules',
    ].map((line) => `${line}/device-1%2Fpump`);

    const answers = await Promise.all(
      lines.map(async (line) => hub.send(line, { headers: { 'if-match': '*' } })),
    );

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 400]);
    expect(pump().status).toBe('enabled');
  });
});

describe('DELETE', () => {
  test.each(['/devices/device-1', MODULE])('of %s asks for If-Match', async (path) => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'pump' });

    const without = await hub.send(`DELETE ${path}`);
    const stale = await hub.send(`DELETE ${path}`, { headers: { 'if-match': '"abc"' } });
    const any = await hub.send(`DELETE ${path}`, { headers: { 'if-match': '"*"' } });

    expect([without.status, stale.status, any.status]).toEqual([412, 412, 204]);
    expect(hub.state.registry.modulesOf('device-1')).toEqual([]);
  });
});

describe('the twin of a module', () => {
  test('is shown with the identity of the module', async () => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'pump' });

    const { json } = await hub.send('GET /twins/device-1/modules/pump');

    expect(json).toMatchObject({ deviceId: 'device-1', moduleId: 'pump', status: 'enabled' });
    expect(json).not.toHaveProperty('capabilities');
  });

  test('is replaced by PUT', async () => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'pump' });
    hub.state.twins.patch('device-1/pump', { desired: { gone: 1 } });
    const body = { properties: { desired: { kept: 1 } } };

    const { json } = await hub.send('PUT /twins/device-1/modules/pump', { body });

    expect(json).toMatchObject({ properties: { desired: { kept: 1 } } });
    expect(hub.state.twins.get('device-1/pump').desired.values).toEqual({ kept: 1 });
  });
});

describe('POST /devices', () => {
  test('takes modules in bulk, each for itself', async () => {
    const module = (id: string, moduleId: string, importMode: string) => ({
      id,
      moduleId,
      importMode,
    });

    const created = await hub.send('POST /devices', {
      body: [
        module('device-1', 'a', 'create'),
        module('device-1', 'a', 'create'),
        module('device-2', 'a', 'create'),
        { id: 'device-1/a', importMode: 'delete' },
      ],
    });
    const deleted = await hub.send('POST /devices', { body: [module('device-1', 'a', 'delete')] });

    expect(created.json).toMatchObject({
      errors: [
        { deviceId: 'device-1', moduleId: 'a', errorCode: 'ModuleAlreadyExistsOnDevice' },
        { deviceId: 'device-2', moduleId: 'a', errorCode: 'DeviceNotFound' },
        { deviceId: 'device-1/a', errorCode: 'ArgumentInvalid' },
      ],
    });
    expect([deleted.status, hub.state.registry.modulesOf('device-1')]).toEqual([200, []]);
  });
});
