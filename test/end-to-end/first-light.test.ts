import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { SimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import { Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe('first light', () => {
  let stack: Stack;
  let device: SimulatedDevice;
  const printed: string[] = [];

  beforeAll(async () => {
    stack = await Stack.start();
    device = await startSimulatedDevice({
      connectionString: stack.hub.deviceConnectionString('device-1'),
      certificateAuthorityPem: stack.hub.certificateAuthorityPem,
      gatewayHostName: `localhost:${stack.hub.ports.mqtt}`,
      methodAnswers: { fail: { status: 400, payload: { Response: 'no' } } },
      print: (line) => printed.push(line),
    });
  });

  afterAll(async () => {
    await device.stop();
    await stack.stop();
  });

  test('a message to a connected device arrives, and its history says so', async () => {
    const sent = await stack.call('POST', '/api/devices/device-1/messages', {
      json: {
        body: { on: true },
        correlationId: 'correlation_0',
        properties: { Property: 'PropMsg_0' },
      },
    });
    const location = sent.headers.get('location') ?? '';
    const followed = await stack.call('GET', `${location}?waitSeconds=30`);

    expect(sent).toMatchObject({ status: 202, body: { status: 'enqueued', final: false } });
    expect(followed).toMatchObject({
      status: 200,
      body: {
        status: 'delivered',
        final: true,
        correlationId: 'correlation_0',
        properties: { Property: 'PropMsg_0' },
        failure: null,
      },
    });
    const history = followed.body['history'] as { status: string }[];
    expect(history.map(({ status }) => status)).toEqual(['accepted', 'enqueued', 'delivered']);
    expect(printed.join('\n')).toContain('Data: <<<{"on":true}>>> & Size=11');
  });

  test("the caller's trace goes with the message, and shows where its outcome is logged", async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const send = async (span: string) =>
      stack.call('POST', '/api/devices/device-1/messages', {
        headers: { traceparent: `00-${trace}-${span}-01` },
        json: { messageId: 'traced-1' },
      });
    const sent = await send('00f067aa0ba902b7');
    const repeated = await send('b7ad6b7169203331');
    const continued = sent.headers.get('traceparent');

    expect(continued).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(repeated.headers.get('idempotent-replayed')).toBe('true');
    await until('the outcome is logged', () =>
      new RegExp(`message\\.final .*"traced-1".*"traceparent":"${continued}"`).test(
        stack.app.output(),
      ),
    );
    expect(printed.join('\n')).toContain(`Properties: {"traceparent":"${continued}"}`);
    expect(stack.app.output()).toMatch(/message\.accepted .*"traced-1"/);
    expect(stack.app.output()).toMatch(/message\.enqueued .*"traced-1".*"durationMs":\d+/);
  });

  test('a direct method answers with the device’s status and payload', async () => {
    const answered = await stack.call('POST', '/api/devices/device-1/methods/reboot', {
      json: { payload: { delaySeconds: 1 } },
    });
    const failed = await stack.call('POST', '/api/devices/device-1/methods/fail');

    expect(answered).toMatchObject({
      status: 200,
      body: { status: 200, payload: { Response: expect.any(String) }, methodName: 'reboot' },
    });
    expect(failed).toMatchObject({ status: 200, body: { status: 400 } });
  });

  test('a message to a device that never connects waits, is counted, and is reported as purged', async () => {
    const sent = await stack.call('POST', '/api/devices/device-2/messages', { json: {} });
    const waiting = await stack.call('GET', sent.headers.get('location') ?? '');
    const device2 = await stack.call('GET', '/api/devices/device-2');
    const purged = await stack.call('DELETE', '/api/devices/device-2/messages');
    const followed = await stack.call('GET', `${sent.headers.get('location')}?waitSeconds=30`);

    expect(waiting.body).toMatchObject({ status: 'enqueued', final: false });
    expect(device2.body).toMatchObject({ connectionState: 'disconnected', queuedMessages: 1 });
    expect(purged).toMatchObject({ status: 200, body: { purged: 1, deferredPurged: 0 } });
    expect(followed.body).toMatchObject({ status: 'purged', final: true });
  });

  test('a method on a device that is not online, and on one that is not there', async () => {
    const offline = await stack.call('POST', '/api/devices/device-2/methods/reboot');
    const unknown = await stack.call('POST', '/api/devices/device-3/methods/reboot');
    const message = await stack.call('POST', '/api/devices/device-3/messages', { json: {} });

    expect(offline).toMatchObject({ status: 409, body: { code: 'device-not-online' } });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'device-not-found' } });
    expect(message).toMatchObject({ status: 404, body: { code: 'device-not-found' } });
  });

  test('devices are listed page by page in the hub’s order', async () => {
    const first = await stack.call('GET', '/api/devices?limit=1');
    const token = encodeURIComponent(String(first.body['continuationToken']));
    const second = await stack.call('GET', `/api/devices?limit=1&continuationToken=${token}`);

    expect(first.body['items']).toMatchObject([
      { deviceId: 'device-1', connectionState: 'connected' },
    ]);
    expect(second.body['items']).toMatchObject([{ deviceId: 'device-2', queuedMessages: 0 }]);
  });

  test('a full device queue is refused and kept on the resource; a purge makes room', async () => {
    const send = async (index: number) =>
      stack.call('POST', '/api/devices/device-2/messages', {
        json: { messageId: `fill-${index}`, ack: 'none' },
      });
    for (let index = 0; index < 50; index += 1) {
      expect((await send(index)).body).toMatchObject({ status: 'enqueued', final: true });
    }

    const refused = await send(50);
    const kept = await stack.call('GET', '/api/devices/device-2/messages/fill-50');
    await stack.call('DELETE', '/api/devices/device-2/messages');
    const again = await send(50);

    expect(refused).toMatchObject({ status: 409, body: { code: 'device-queue-full' } });
    expect(kept.body).toMatchObject({ status: 'failed', failure: { code: 'device-queue-full' } });
    expect(again).toMatchObject({ status: 202, body: { status: 'enqueued', attempt: 2 } });
  });

  test('health is open and tells that hub and storage answer', async () => {
    const response = await fetch(`${stack.app.url}/api/health`);

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'healthy',
      checks: { hub: 'ok', storage: 'ok' },
    });
  });

  test('the log holds neither payloads nor keys', async () => {
    const key = /SharedAccessKey=([^;]+)/.exec(stack.hub.connectionString('iothubowner'))?.[1];
    await until('the drain is logged', () => stack.app.output().includes('feedback.drained'));

    expect(stack.app.output()).not.toContain(key);
    expect(stack.app.output()).not.toContain('PropMsg_0');
    expect(stack.app.output()).not.toContain('local-development-key');
  });
});
