import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(async () => {
  await hub.head.stop();
});

describe('PUT /devices/{deviceId}', () => {
  test('creates a device with keys of its own, and gives its ETag', async () => {
    const response = await hub.send('PUT /devices/device-2', { body: { deviceId: 'device-2' } });

    const identity = hub.state.registry.get('device-2');
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe(`"${identity.etag}"`);
    expect(response.json).toEqual({
      deviceId: 'device-2',
      generationId: identity.generationId,
      etag: identity.etag,
      connectionState: 'Disconnected',
      status: 'enabled',
      statusReason: null,
      connectionStateUpdatedTime: '0001-01-01T00:00:00Z',
      statusUpdatedTime: '0001-01-01T00:00:00Z',
      lastActivityTime: '0001-01-01T00:00:00Z',
      cloudToDeviceMessageCount: 0,
      authentication: {
        symmetricKey: {
          primaryKey: identity.primaryKey,
          secondaryKey: identity.secondaryKey,
        },
        x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
        type: 'sas',
      },
      capabilities: { iotEdge: false },
    });
  });

  test('refuses to create what is there', async () => {
    const response = await hub.send('PUT /devices/device-1', { body: { deviceId: 'device-1' } });

    expect(response.status).toBe(409);
    expect(response.headers['iothub-errorcode']).toBe('DeviceAlreadyExists');
    expect(response.json).toMatchObject({
      Message: expect.stringMatching(/^ErrorCode:DeviceAlreadyExists;/),
      ExceptionMessage: expect.stringMatching(/^Tracking ID:[0-9A-F]{32}-TimeStamp:2026-01-01/),
    });
  });

  test('changes a device when If-Match says that it is there; keys that are empty stay', async () => {
    const { primaryKey, etag } = hub.state.registry.get('device-1');

    const response = await hub.send('PUT /devices/device-1', {
      headers: { 'if-match': `"${etag}"` },
      body: {
        deviceId: 'device-1',
        status: 'disabled',
        statusReason: 'lost',
        // As the service SDK sends it.
        authentication: { type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } },
      },
    });

    expect(response.status).toBe(200);
    expect(hub.state.registry.get('device-1')).toMatchObject({
      status: 'disabled',
      statusReason: 'lost',
      primaryKey,
    });
    expect(response.headers.etag).not.toBe(`"${etag}"`);
  });

  test('brings new keys if it says nothing of authentication', async () => {
    const { primaryKey } = hub.state.registry.get('device-1');

    await hub.send('PUT /devices/device-1', { headers: { 'if-match': '*' }, body: {} });

    const replaced = hub.state.registry.get('device-1');
    expect(replaced.authenticationType).toBe('sas');
    expect(replaced.primaryKey).toMatch(/^[\w+/]{43}=$/);
    expect(replaced.primaryKey).not.toBe(primaryKey);
  });

  test('takes a status that begins with a capital, as that of the Java SDK', async () => {
    const body = { deviceId: 'device-2', status: 'Disabled' };

    const { json } = await hub.send('PUT /devices/device-2', { body });

    expect(json).toMatchObject({ status: 'disabled' });
  });

  test('refuses an ETag that is not the current one, and an unknown device', async () => {
    const headers = { 'if-match': '"abc"' };

    const stale = await hub.send('PUT /devices/device-1', { headers, body: {} });
    const unknown = await hub.send('PUT /devices/unknown', { headers, body: {} });

    expect([stale.status, unknown.status]).toEqual([412, 404]);
  });

  test.each([
    ['an id with a slash', 'invalid%2Fname', {}],
    ['another id in the body', 'device-2', { deviceId: 'device-3' }],
    ['a status that there is not', 'device-2', { status: 'asleep' }],
    ['a key that is no base64', 'device-2', sas({ primaryKey: '!', secondaryKey: '!' })],
    ['one key of two', 'device-2', sas({ primaryKey: Buffer.alloc(32).toString('base64') })],
    ['a type of authentication that there is not', 'device-2', { authentication: { type: 'pin' } }],
    ['a self-signed device without a thumbprint', 'device-2', selfSigned({})],
    ['thumbprints of a device with keys', 'device-2', thumbprintsOfSas()],
    ['a thumbprint of no hash', 'device-2', selfSigned({ primaryThumbprint: 'AB'.repeat(21) })],
    ['an IoT Edge device', 'device-2', { capabilities: { iotEdge: true } }],
    ['a body that is no object', 'device-2', []],
    ['a body that is cut', 'device-2', '{"deviceId":'],
    ['no body', 'device-2', undefined],
  ])('refuses %s', async (_, deviceId, body) => {
    const response = await hub.send(`PUT /devices/${deviceId}`, { body });

    expect(response.status).toBe(400);
    expect(response.headers['iothub-errorcode']).toBe('ArgumentInvalid');
    expect(hub.state.registry.size).toBe(1);
  });

  function sas(symmetricKey: object): object {
    return { authentication: { type: 'sas', symmetricKey } };
  }

  function selfSigned(x509Thumbprint: object): object {
    return { authentication: { type: 'selfSigned', x509Thumbprint } };
  }

  function thumbprintsOfSas(): object {
    const x509Thumbprint = { primaryThumbprint: 'AB'.repeat(20) };
    return { authentication: { type: 'sas', x509Thumbprint } };
  }

  test('infers from thumbprints that a device is self-signed, and shows no keys of it', async () => {
    const x509Thumbprint = {
      primaryThumbprint: 'ab'.repeat(20),
      secondaryThumbprint: 'CD'.repeat(32),
    };

    const response = await hub.send('PUT /devices/device-2', {
      body: { authentication: { x509Thumbprint } },
    });

    expect(response.json).toMatchObject({
      authentication: {
        type: 'selfSigned',
        x509Thumbprint,
        symmetricKey: { primaryKey: null, secondaryKey: null },
      },
    });
    expect((await hub.send('GET /twins/device-2')).json).toMatchObject({
      authenticationType: 'selfSigned',
      x509Thumbprint,
    });
  });

  test('lets a device go from keys to thumbprints, to an authority and back to new keys', async () => {
    const { primaryKey } = hub.state.registry.get('device-1');
    const put = async (authentication: object) => {
      const headers = { 'if-match': '"*"' };
      const body = { deviceId: 'device-1', authentication };
      const response = await hub.send('PUT /devices/device-1', { headers, body });
      return (response.json as { authentication: object }).authentication;
    };
    const primaryThumbprint = 'AB'.repeat(20);

    // What was read before comes back with it: its nulls, and keys that no longer count.
    const byThumbprint = await put({
      type: 'selfSigned',
      symmetricKey: { primaryKey, secondaryKey: primaryKey },
      x509Thumbprint: { primaryThumbprint, secondaryThumbprint: null },
    });
    const byAuthority = await put({ type: 'CertificateAuthority' });
    const byKeys = await put({ type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } });

    const noKeys = { primaryKey: null, secondaryKey: null };
    const noThumbprints = { primaryThumbprint: null, secondaryThumbprint: null };
    expect(byThumbprint).toEqual({
      type: 'selfSigned',
      symmetricKey: noKeys,
      x509Thumbprint: { primaryThumbprint, secondaryThumbprint: null },
    });
    expect(byAuthority).toEqual({
      type: 'certificateAuthority',
      symmetricKey: noKeys,
      x509Thumbprint: noThumbprints,
    });
    expect(byKeys).toMatchObject({ type: 'sas', x509Thumbprint: noThumbprints });
    expect(hub.state.registry.get('device-1').primaryKey).toMatch(/^[\w+/]{43}=$/);
    expect(hub.state.registry.get('device-1').primaryKey).not.toBe(primaryKey);
  });
});

describe('GET /devices/{deviceId}', () => {
  test('shows the messages that wait and the last activity', async () => {
    hub.state.cloudToDevice.enqueue('device-1', {
      to: '/devices/device-1/messages/devicebound',
      body: Buffer.from('1'),
      properties: {},
      ack: 'none',
    });
    hub.state.registry.setConnected('device-1', true);

    const response = await hub.send('GET /DEVICES/device-1');

    expect(response.json).toMatchObject({
      cloudToDeviceMessageCount: 1,
      connectionState: 'Connected',
      connectionStateUpdatedTime: '2026-01-01T00:00:00.000Z',
      lastActivityTime: '2026-01-01T00:00:00.000Z',
    });
  });

  test('tells ids apart by case, and finds one that needs encoding', async () => {
    hub.state.registry.create({ deviceId: "a%2F#?'$" });

    const other = await hub.send('GET /devices/Device-1');
    const encoded = await hub.send(`GET /devices/${encodeURIComponent("a%2F#?'$")}`);

    expect([other.status, encoded.status]).toEqual([404, 200]);
    expect(other.json).toMatchObject({
      Message: "ErrorCode:DeviceNotFound;The device 'Device-1' is not registered",
    });
  });
});

describe('GET /devices', () => {
  test.each(['/devices', '/devices/'])('lists devices at %s', async (path) => {
    hub.state.registry.create({ deviceId: 'device-2' });

    const response = await hub.send(`GET ${path}`);

    expect(response.json).toMatchObject([{ deviceId: 'device-1' }, { deviceId: 'device-2' }]);
  });

  test('lists no more than asked for', async () => {
    hub.state.registry.create({ deviceId: 'device-2' });

    const one = await hub.send('GET /devices/?top=1&api-version=2021-04-12');
    const tooMany = await hub.send('GET /devices?api-version=2021-04-12&top=1001');
    const none = await hub.send('GET /devices?api-version=2021-04-12&top=0');

    expect(one.json).toHaveLength(1);
    expect([tooMany.status, none.status]).toEqual([400, 400]);
  });
});

describe('DELETE /devices/{deviceId}', () => {
  test('deletes, once', async () => {
    const headers = { 'if-match': '"*"' };

    const first = await hub.send('DELETE /devices/device-1', { headers });
    const second = await hub.send('DELETE /devices/device-1', { headers });

    expect([first.status, first.text, second.status]).toEqual([204, '', 404]);
    expect(hub.state.registry.size).toBe(0);
  });

  test('leaves a device that changed meanwhile', async () => {
    const response = await hub.send('DELETE /devices/device-1', {
      headers: { 'if-match': '"stale"' },
    });

    expect(response.status).toBe(412);
    expect(hub.state.registry.size).toBe(1);
  });
});
