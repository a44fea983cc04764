import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { aMessage, MINUTE } from '../state/builders.ts';
import { signToken, startTestHub, type Response, type TestHub } from './a-hub.ts';

const POLL = 'GET /devices/device-1/messages/deviceBound';

let hub: TestHub;
beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(async () => {
  await hub.head.stop();
});
beforeEach(() => {
  hub.state.registry.create({ deviceId: 'device-2' });
});
afterEach(() => {
  hub.state.registry.delete('device-1');
  hub.state.registry.delete('device-2');
  hub.state.registry.create({ deviceId: 'device-1' });
});

function ownToken(deviceId = 'device-1'): string {
  const { primaryKey } = hub.state.registry.get(deviceId);
  return signToken(`localhost/devices/${deviceId}`, primaryKey);
}

function send(line: string, authorization = ownToken(), body?: unknown, headers = {}) {
  return hub.send(line, { headers: { authorization, ...headers }, body });
}

function enqueue(messageId: string, changes: Parameters<typeof aMessage>[0] = {}): void {
  hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId, ...changes }));
}

function lockOf({ headers }: Response): string {
  return String(headers.etag).replaceAll('"', '');
}

function outcomes(messageId: string): string[] {
  return hub.state.journal
    .events({ messageId })
    .filter(({ deviceGenerationId }) => deviceGenerationId === generation())
    .map(({ type }) => type);
}

function generation(): string {
  return hub.state.registry.get('device-1').generationId;
}

describe('GET /devices/{deviceId}/messages/deviceBound', () => {
  test('is 204 while there is nothing, and an activity of the device', async () => {
    hub.clock.advance(MINUTE);

    expect((await send(POLL)).status).toBe(204);
    expect(hub.state.registry.get('device-1').lastActivityAt).toBe(hub.clock.now());
  });

  test('locks the first message and tells all of it', async () => {
    const expiresAt = hub.clock.now() + 5 * MINUTE;
    enqueue('m-all', {
      body: Buffer.from([0, 255, 128]),
      correlationId: 'c-1',
      userId: 'Zoë\r\nX-Evil: 1',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { 'Alarm-Level': '3', __proto: 'x' },
      expiresAt,
    });

    const response = await send(POLL);

    expect(response.status).toBe(200);
    expect(response.bytes).toEqual(Buffer.from([0, 255, 128]));
    expect(response.headers).toMatchObject({
      etag: expect.stringMatching(/^"[0-9a-f-]{36}"$/),
      'content-length': '3',
      'iothub-messageid': 'm-all',
      'iothub-correlationid': 'c-1',
      'iothub-userid': 'Zo%c3%ab%0d%0aX-Evil: 1',
      'iothub-to': '/devices/device-1/messages/devicebound',
      'iothub-expiry': new Date(expiresAt).toISOString(),
      'iothub-ack': 'full',
      'iothub-deliverycount': '0',
      'iothub-sequencenumber': '1',
      contenttype: 'application/json',
      contentencoding: 'utf-8',
      'iothub-app-alarm-level': '3',
      'iothub-app-__proto': 'x',
    });
    expect((await send(POLL)).status).toBe(204);
  });

  test('tells no expiry time of a message that has none of its own', async () => {
    enqueue('m-plain', { body: Buffer.alloc(0), ack: 'none' });

    const { status, headers, text } = await send(POLL);

    expect([status, headers['iothub-expiry'], headers['iothub-ack'], text]).toEqual([
      200,
      '',
      undefined,
      '',
    ]);
  });

  test.each([
    ["another device's token", () => ownToken('device-2')],
    ['a token of the back end', () => hub.token('service')],
    ['a token of the device for another path', () => signToken('localhost/devices/x', 'AAAA')],
    ['an expired token', () => signToken('localhost/devices/device-1', key(), undefined, 1)],
  ])('refuses %s with 401 and hands out nothing', async (_, token) => {
    enqueue('m-safe');

    const response = await send(POLL, token());

    expect([response.status, outcomes('m-safe')]).toEqual([401, ['enqueued']]);
  });

  test.each(['disabled', 'deleted'])('refuses a device that is %s', async (how) => {
    const token = ownToken('device-2');
    if (how === 'deleted') hub.state.registry.delete('device-2');
    else hub.state.registry.update({ deviceId: 'device-2', status: 'disabled' }, '*');

    expect((await send('GET /devices/device-2/messages/devicebound', token)).status).toBe(401);
    if (how === 'deleted') hub.state.registry.create({ deviceId: 'device-2' });
  });

  test('takes a policy that lets devices connect, and the secondary key', async () => {
    const { secondaryKey } = hub.state.registry.get('device-1');
    const secondary = signToken('localhost/devices/device-1', secondaryKey);

    expect((await send(POLL, hub.token('device'))).status).toBe(204);
    expect((await send(POLL, secondary)).status).toBe(204);
  });

  function key(): string {
    return hub.state.registry.get('device-1').primaryKey;
  }
});

describe('/devices/{deviceId}/messages/deviceBound/{lockToken}', () => {
  test.each([
    ['DELETE completes', 'DELETE', '', ['completed']],
    ['DELETE with reject rejects', 'DELETE', '?api-version=2021-04-12&reject', ['rejected']],
    ['POST abandon gives back', 'POST', '/abandon', ['abandoned', 'delivered']],
  ])('%s', async (_, method, rest, expected) => {
    enqueue('m-1');
    const lock = lockOf(await send(POLL));

    const { status } = await send(
      `${method} /devices/device-1/messages/deviceBound/${lock}${rest}`,
    );
    await send(POLL);

    expect([status, outcomes('m-1')]).toEqual([204, ['enqueued', 'delivered', ...expected]]);
  });

  test.each([
    ['DELETE', ''],
    ['DELETE', '?api-version=2021-04-12&reject'],
    ['POST', '/abandon'],
  ])('%s%s is 412 when the lock is lost, or never was', async (method, rest) => {
    enqueue('m-1');
    const lock = lockOf(await send(POLL));
    hub.clock.advance(MINUTE);

    const path = `${method} /devices/device-1/messages/deviceBound`;
    const late = await send(`${path}/${lock}${rest}`);
    const never = await send(`${path}/none${rest}`);

    expect([late.status, never.status]).toEqual([412, 412]);
    expect(late.headers['iothub-errorcode']).toBe('DeviceMessageLockLost');
    expect(outcomes('m-1')).toEqual(['enqueued', 'delivered', 'lockExpired']);
  });

  test('another device cannot settle the message, with a token of its own or without', async () => {
    enqueue('m-1');
    const lock = lockOf(await send(POLL));
    const token = ownToken('device-2');

    const own = await send(`DELETE /devices/device-2/messages/deviceBound/${lock}`, token);
    const others = await send(`DELETE /devices/device-1/messages/deviceBound/${lock}`, token);

    expect([own.status, others.status]).toEqual([412, 401]);
    expect(outcomes('m-1')).toEqual(['enqueued', 'delivered']);
  });
});

describe('POST /devices/{deviceId}/messages/events', () => {
  const EVENTS = 'POST /devices/device-1/messages/events';
  const LIMIT = 256 * 1024;

  test.each([0, 1, LIMIT])('takes %i bytes', async (size) => {
    hub.clock.advance(MINUTE);

    expect((await send(EVENTS, ownToken(), 'x'.repeat(size))).status).toBe(204);
    expect(hub.state.registry.get('device-1').lastActivityAt).toBe(hub.clock.now());
  });

  test.each([
    ['body', LIMIT + 1, {}],
    ['body and a property', LIMIT, { 'iothub-app-a': '' }],
    ['body and a message id', LIMIT, { 'iothub-messageid': '1' }],
    ['body by far', 3 * LIMIT, {}],
  ])('refuses a %s of more than 256 KB with 413', async (_, size, headers) => {
    expect((await send(EVENTS, ownToken(), 'x'.repeat(size), headers)).status).toBe(413);
  });

  test.each([
    ['a batch', [{ body: base64(10), properties: { a: 'b' } }, { body: base64(0) }], 204],
    ['a batch of 256 KB', [{ body: base64(LIMIT / 2) }, { body: base64(LIMIT / 2) }], 204],
    ['a batch of more', [{ body: base64(LIMIT) }, { body: base64(1) }], 413],
    ['an empty batch', [], 400],
    ['a batch of something else', [{ payload: 1 }], 400],
    ['what is no JSON', '[', 400],
  ])('answers %s', async (_, body, status) => {
    const headers = { 'content-type': 'application/vnd.microsoft.iothub.json' };

    expect((await send(EVENTS, ownToken(), body, headers)).status).toBe(status);
  });

  test("refuses another device's token with 401", async () => {
    expect((await send(EVENTS, ownToken('device-2'), 'x')).status).toBe(401);
  });

  function base64(bytes: number): string {
    return Buffer.alloc(bytes, 1).toString('base64');
  }
});
