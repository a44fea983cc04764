import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../../../support/until.ts';
import { signToken, startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(async () => {
  await hub.head.stop();
});

const METHOD = { methodName: 'm' };

describe('The HTTPS head refuses', () => {
  test.each([
    ['no token', () => undefined],
    ['an empty token', () => ''],
    [
      'a wrong key',
      () => signToken('localhost', Buffer.alloc(32).toString('base64'), 'iothubowner'),
    ],
    ['an unknown policy', (key: string) => signToken('localhost', key, 'nobody')],
    ['another hub', (key: string) => signToken('other.azure-devices.net', key, 'iothubowner')],
    [
      'an expired token',
      (key: string) => signToken('localhost', key, 'iothubowner', 1_700_000_000),
    ],
    [
      "a device's own token",
      () => signToken('localhost/devices/device-1', hub.state.registry.get('device-1').primaryKey),
    ],
  ])('%s with 401, at once', async (_, makeToken) => {
    const key = hub.state.policies.find('iothubowner')?.primaryKey ?? '';
    const headers = { authorization: makeToken(key) };

    const response = await hub.send('GET /devices/device-1', { headers });

    expect(response.status).toBe(401);
    expect(response.headers['iothub-errorcode']).toMatch(/^IotHubUnauthorized/);
  });

  test.each([
    ['registryRead', 'PUT /devices/device-2'],
    ['registryRead', 'DELETE /devices/device-1'],
    ['registryReadWrite', 'POST /devices/query'],
    ['registryReadWrite', 'POST /twins/device-1/methods'],
    ['registryReadWrite', 'DELETE /devices/device-1/commands'],
    ['registryReadWrite', 'GET /messages/servicebound/feedback'],
    ['service', 'GET /devices'],
    ['service', 'GET /devices/device-1'],
    ['device', 'GET /devices/device-1'],
    ['device', 'GET /messages/servicebound/feedback'],
  ])('a token of %s for %s', async (policy, line) => {
    expect((await hub.send(line, { policy, body: {} })).status).toBe(401);
    expect(hub.state.registry.size).toBe(1);
  });

  test.each([
    ['registryRead', 'GET /devices/device-1', 200],
    ['registryReadWrite', 'GET /devices', 200],
    ['service', 'GET /messages/servicebound/feedback', 204],
    ['service', 'DELETE /devices/device-1/commands', 200],
  ])('not a token of %s for %s', async (policy, line, status) => {
    expect((await hub.send(line, { policy })).status).toBe(status);
  });

  test.each(['GET /', 'GET /statistics/other', 'GET /devices/a/b/c', 'GET //devices'])(
    '%s, which it does not know, with 404',
    async (line) => {
      expect((await hub.send(line)).status).toBe(404);
    },
  );

  test('a method that the route does not have with 405', async () => {
    const response = await hub.send('PATCH /devices/device-1');

    expect(response.status).toBe(405);
    expect(response.text).toContain('Only GET, PUT, DELETE is allowed here');
  });

  test('a path that is not encoded as it should be', async () => {
    expect((await hub.send('GET /devices/%E0%A4%A')).status).toBe(400);
  });

  test('a request without api-version', async () => {
    const response = await hub.send('GET /devices?top=1');

    expect(response.status).toBe(400);
    expect(response.text).toContain('api-version');
  });

  test('a body over the limit, whether its length is told before or not', async () => {
    const body = JSON.stringify({ deviceId: 'device-2', statusReason: 'x'.repeat(70_000) });

    const told = await hub.send('PUT /devices/device-2', { body });
    const untold = await hub.send('PUT /devices/device-2', {
      body,
      headers: { 'content-length': undefined, 'transfer-encoding': 'chunked' },
    });

    expect([told.status, untold.status]).toEqual([413, 413]);
    expect(hub.state.registry.size).toBe(1);
  });
});

describe('A planned fault of https-request', () => {
  test('gives the error that was planned, in the shape of the route', async () => {
    const fault = { kind: 'error', httpStatus: 429, code: 429001 } as const;
    hub.faults.add('https-request', { ...fault, condition: 'ThrottlingException' }, 2);

    const registry = await hub.send('GET /devices/device-1');
    const method = await hub.send('POST /twins/device-1/methods', { body: METHOD });
    const after = await hub.send('GET /devices/device-1');

    expect([registry.status, method.status, after.status]).toEqual([429, 429, 200]);
    expect(registry.json).toMatchObject({
      Message: 'ErrorCode:ThrottlingException;A planned fault',
    });
    expect(method.text).toContain(String.raw`{\"errorCode\":429001`);
  });

  test('takes the status from the code when only that is given', async () => {
    hub.faults.add('https-request', { kind: 'error', code: 503001 });

    expect((await hub.send('GET /devices')).status).toBe(503);
  });

  test('drops the connection before anything is done', async () => {
    hub.faults.add('https-request', { kind: 'drop-connection' });

    await expect(hub.send('PUT /devices/device-2', { body: {} })).rejects.toThrow('socket hang up');

    expect(hub.state.registry.size).toBe(1);
  });

  test.each([
    ['no-answer', 1],
    ['accept-then-no-answer', 2],
  ] as const)('%s leaves the caller waiting and %i devices', async (kind, devices) => {
    hub.faults.add('https-request', { kind });
    const controller = new AbortController();
    const call = hub.send('PUT /devices/device-2', { body: {}, signal: controller.signal });

    const entry = await until('the request is dealt with', () => hub.log.entries()[0]);
    controller.abort();

    await expect(call).rejects.toThrow('aborted');
    expect(entry.detail).toMatchObject({ outcome: 'not answered' });
    expect(hub.state.registry.size).toBe(devices);
  });

  test('delays the work', async () => {
    hub.faults.add('https-request', { kind: 'delay', ms: 60 });
    const start = performance.now();

    const response = await hub.send('GET /devices/device-1');

    expect(response.status).toBe(200);
    expect(performance.now() - start).toBeGreaterThanOrEqual(55);
  });

  test('is over when its caller is gone', async () => {
    hub.faults.add('https-request', { kind: 'delay', ms: 600_000 });
    const controller = new AbortController();
    const call = hub.send('PUT /devices/device-2', { body: {}, signal: controller.signal });
    await until('the fault is taken', () => hub.faults.remaining('https-request') === 0);

    controller.abort();

    await expect(call).rejects.toThrow('aborted');
    const entry = await until('the request is over', () => hub.log.entries()[0]);
    expect(entry.detail).toMatchObject({ outcome: 'caller gone' });
    expect(hub.state.registry.size).toBe(1);
  });
});

describe('HttpsHead', () => {
  test.each(['https://localhost/devices/device-1', 'https://LOCALHOST:443/devices/device-1'])(
    'answers when the target is %s, as a whole URL',
    async (target) => {
      const response = await hub.send(`GET ${target}`);

      expect([response.status, response.headers['iothub-errorcode']]).toEqual([200, undefined]);
    },
  );

  test('logs requests by route, without ids, tokens and bodies', async () => {
    await hub.send('GET /devices/device-1?api-version=1&secret=2');
    await hub.send('DELETE /messages/servicebound/feedback/some-lock-token');

    const entries = hub.log.entries();

    expect(entries).toMatchObject([
      { protocol: 'https', event: 'GET /devices/{deviceId}', detail: { status: 200 } },
      {
        event: 'DELETE /messages/serviceBound/feedback/{lockToken}',
        detail: { status: 412, failure: 'DeviceMessageLockLost' },
      },
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/secret|some-lock-token|Signature/);
  });

  test('survives a client that speaks no TLS, and tells the log', async () => {
    const socket = connect({ port: hub.head.port, host: '127.0.0.1' });
    socket.end('GET / HTTP/1.1\r\n\r\n');
    socket.on('error', () => {});
    await once(socket, 'close');

    await until('the log tells', () => hub.log.entries()[0]?.event === 'TLS failed');
    expect((await hub.send('GET /devices')).status).toBe(200);
  });

  test('drops every connection on request and goes on serving', async () => {
    hub.faults.add('https-request', { kind: 'no-answer' });
    const call = hub.send('GET /devices');
    const failure = call.catch((error: unknown) => String(error));
    await until('the request is there', () => hub.log.entries()[0]);

    hub.head.dropConnections();

    expect(await failure).toContain('socket hang up');
    expect((await hub.send('GET /devices')).status).toBe(200);
  });

  test('stops with connections open', async () => {
    hub.faults.add('https-request', { kind: 'no-answer' });
    const call = hub.send('GET /devices');
    const failure = call.catch((error: unknown) => String(error));
    await until('the request is there', () => hub.log.entries()[0]);

    await hub.head.stop();

    expect(await failure).toContain('socket hang up');
    const refused = httpsRequest({ port: hub.head.port, host: '127.0.0.1' });
    refused.end();
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
