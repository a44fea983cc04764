import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { MethodRequest } from '../../../../simulator/hub/state/method-broker.ts';
import { until } from '../../../support/until.ts';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(async () => {
  await hub.head.stop();
});

const LINE = 'POST /twins/device-1/methods';

/** A device that sends back what it got. */
function attachEcho(status = 200): MethodRequest[] {
  const requests: MethodRequest[] = [];
  hub.state.methods.attach('device-1', (request) => {
    requests.push(request);
    hub.state.methods.respond('device-1', request.requestId, status, request.payload);
  });
  return requests;
}

/** What the inner text of an error of this route says. */
function errorOf({ json }: { json: unknown }): Record<string, unknown> {
  const { Message } = json as { Message: string };
  return JSON.parse(Message) as Record<string, unknown>;
}

describe('POST /twins/{deviceId}/methods', () => {
  test.each([
    'null',
    '""',
    '"foo"',
    '{}',
    '[]',
    '0',
    'false',
    '1.0',
    '12345678901234567890.123456789012345678',
    '{ "a" : 1 , "a" : "\\u00fc" }',
  ])('takes the payload %s there and back as it was sent', async (payload) => {
    const requests = attachEcho();

    const response = await hub.send(LINE, {
      body: `{"methodName":"echo","payload": ${payload} ,"responseTimeoutInSeconds":5}`,
    });

    expect(requests[0]?.payload.toString()).toBe(payload);
    expect(response.status).toBe(200);
    expect(response.text).toBe(`{"status":200,"payload":${payload}}`);
  });

  test('gives the device null when there is no payload, and the caller null when the device sent nothing', async () => {
    const requests: MethodRequest[] = [];
    hub.state.methods.attach('device-1', (request) => {
      requests.push(request);
      hub.state.methods.respond('device-1', request.requestId, 204, Buffer.alloc(0));
    });

    const response = await hub.send(LINE, { body: { methodName: 'reboot' } });

    expect(requests[0]).toMatchObject({ methodName: 'reboot', payload: Buffer.from('null') });
    expect(response.json).toEqual({ status: 204, payload: null });
  });

  test("passes on the device's own status within a 200", async () => {
    attachEcho(400);

    const response = await hub.send(LINE, { body: { methodName: 'fail', payload: 'no' } });

    expect(response.status).toBe(200);
    expect(response.json).toEqual({ status: 400, payload: 'no' });
  });

  test('says 404 and 404103 for a device that is away, 404 and 404001 for one that is unknown', async () => {
    const away = await hub.send(LINE, { body: { methodName: 'reboot' } });
    const unknown = await hub.send('POST /twins/unknown/methods', {
      body: { methodName: 'reboot' },
    });

    expect([away.status, unknown.status]).toEqual([404, 404]);
    expect(away.headers['iothub-errorcode']).toBe('DeviceNotOnline');
    expect(errorOf(away)).toEqual({
      errorCode: 404103,
      trackingId: expect.stringMatching(/^[0-9A-F]{32}$/),
      message: "The device 'device-1' is not online",
      timestampUtc: '2026-01-01T00:00:00.000Z',
    });
    expect(errorOf(unknown)).toMatchObject({ errorCode: 404001 });
    expect(away.json).toMatchObject({ ExceptionMessage: '' });
  });

  test('waits for the device as long as asked, and for its answer 30 s', async () => {
    const call = hub.send(LINE, {
      body: { methodName: 'reboot', connectTimeoutInSeconds: 10 },
    });
    await until('the call waits', () => hub.state.methods.inFlight('device-1') === 1);
    hub.clock.advance(9_999);
    hub.state.methods.attach('device-1', () => {});
    hub.clock.advance(29_999);
    expect(hub.state.methods.inFlight('device-1')).toBe(1);
    hub.clock.advance(1);

    const response = await call;
    expect(response.status).toBe(504);
    expect(errorOf(response)).toMatchObject({ errorCode: 504101 });
  });

  test.each([
    ['a response timeout under 5 s', { responseTimeoutInSeconds: 4 }, 'within [5; 300]'],
    ['a response timeout over 300 s', { responseTimeoutInSeconds: 301 }, 'within [5; 300]'],
    ['a connect timeout over 300 s', { connectTimeoutInSeconds: 301 }, 'within [0; 300]'],
    ['a negative connect timeout', { connectTimeoutInSeconds: -1 }, 'within [0; 300]'],
    ['a timeout in words', { responseTimeoutInSeconds: '30' }, 'number'],
    ['no name', { methodName: '' }, 'methodName'],
    ['a name that no topic can carry', { methodName: 'a/b' }, 'methodName'],
    ['a name with a line break', { methodName: 'a\n' }, 'methodName'],
    ['a name that is no text', { methodName: null }, 'methodName'],
  ])('refuses %s', async (_, changes, reason) => {
    attachEcho();

    const response = await hub.send(LINE, { body: { methodName: 'reboot', ...changes } });

    expect(response.status).toBe(400);
    expect(errorOf(response)).toMatchObject({
      errorCode: 400004,
      message: expect.stringContaining(reason),
    });
  });

  test('takes 128 KB of payload, and not a byte more', async () => {
    attachEcho();
    const payload = 'x'.repeat(128 * 1024 - 2);

    const largest = await hub.send(LINE, { body: { methodName: 'm', payload } });
    const tooLarge = await hub.send(LINE, { body: { methodName: 'm', payload: `${payload}x` } });

    expect(largest.json).toEqual({ status: 200, payload });
    expect(tooLarge.status).toBe(413);
  });

  test.each([
    ['no JSON', Buffer.from('{"a":')],
    ['JSON that is no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['more than 128 KB', Buffer.from(`"${'x'.repeat(128 * 1024)}"`)],
  ])('says 502 when the device answers with %s', async (_, payload) => {
    hub.state.methods.attach('device-1', ({ requestId }) =>
      hub.state.methods.respond('device-1', requestId, 200, payload),
    );

    expect((await hub.send(LINE, { body: { methodName: 'm' } })).status).toBe(502);
  });

  test('stops waiting when its caller goes away', async () => {
    const requests: MethodRequest[] = [];
    hub.state.methods.attach('device-1', (request) => requests.push(request));
    const controller = new AbortController();
    const call = hub.send(LINE, { body: { methodName: 'm' }, signal: controller.signal });
    await until('the device is asked', () => requests.length === 1);

    controller.abort();

    await expect(call).rejects.toThrow('aborted');
    await until('nobody waits', () => hub.state.methods.inFlight('device-1') === 0);
    await until('the log tells', () => hub.log.entries().length === 1);
    expect(hub.log.entries()[0]?.detail).toMatchObject({ outcome: 'caller gone' });
  });
});
