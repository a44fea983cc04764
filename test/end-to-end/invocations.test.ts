import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { SimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import { Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const ASYNC = { prefer: 'respond-async' };

describe('methods without waiting, through the deployed bundle', () => {
  let stack: Stack;
  let device: SimulatedDevice;
  const calls: string[] = [];

  beforeAll(async () => {
    stack = await Stack.start();
    device = await startSimulatedDevice({
      connectionString: stack.hub.deviceConnectionString('device-1'),
      certificateAuthorityPem: stack.hub.certificateAuthorityPem,
      gatewayHostName: `localhost:${stack.hub.ports.mqtt}`,
      onMethod: ({ methodName, payload }) => {
        calls.push(methodName);
        return { status: 207, payload };
      },
      print: () => undefined,
    });
  });
  afterAll(async () => {
    await device.stop();
    await stack.stop();
  });

  test('an invocation is accepted, called and kept with its answer of 128 KB', async () => {
    const payload = 'é'.repeat(65_000);
    const accepted = await stack.call('POST', '/api/devices/device-1/methods/echo', {
      headers: ASYNC,
      json: { payload, responseTimeoutSeconds: 300, connectTimeoutSeconds: 300 },
    });
    const location = accepted.headers.get('location') ?? '';
    const done = await stack.call('GET', `${location}?waitSeconds=30`);
    const listed = await stack.call('GET', '/api/devices/device-1/invocations?status=completed');

    expect(accepted).toMatchObject({ status: 202, body: { status: 'accepted', final: false } });
    expect(done).toMatchObject({
      status: 200,
      body: { status: 'completed', final: true, result: { status: 207, payload }, failure: null },
    });
    expect(listed.body['items']).toEqual([
      expect.objectContaining({
        status: 'completed',
        result: { status: 207, durationMs: expect.any(Number) },
      }),
    ]);
  });

  test('fifty parallel repeats of a call are one call, and all get its answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () =>
        stack.call('POST', '/api/devices/device-1/methods/once', {
          headers: { 'idempotency-key': 'once-1' },
          json: { payload: { a: 1 } },
        }),
      ),
    );

    expect(calls.filter((name) => name === 'once')).toHaveLength(1);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 200, body: { status: 207, payload: { a: 1 } } });
    }
  });

  test('a device that is not online gets the message that was asked for in place of the call', async () => {
    const answer = await stack.call('POST', '/api/devices/device-2/methods/open-valve', {
      headers: { 'idempotency-key': 'valve-1' },
      json: { payload: { degrees: 90 }, fallback: { messageTtlSeconds: 600 } },
    });
    const again = await stack.call('POST', '/api/devices/device-2/methods/open-valve', {
      headers: { 'idempotency-key': 'valve-1' },
      json: { payload: { degrees: 90 }, fallback: { messageTtlSeconds: 600 } },
    });
    const message = await until('the hub has taken the message', async () => {
      const found = await stack.call('GET', answer.headers.get('location') ?? '');
      return found.body['status'] === 'enqueued' && found;
    });

    expect(answer.status).toBe(202);
    expect(message.body).toMatchObject({
      status: 'enqueued',
      properties: { 'downlink-method': 'open-valve' },
      contentType: 'application/json',
    });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('location')).toBe(answer.headers.get('location'));
    expect((await stack.call('GET', '/api/devices/device-2')).body).toMatchObject({
      queuedMessages: 1,
    });
  });

  test('without waiting, an unknown device makes the invocation fail', async () => {
    const accepted = await stack.call('POST', '/api/devices/device-3/methods/echo', {
      headers: ASYNC,
    });
    const done = await stack.call('GET', `${accepted.headers.get('location')}?waitSeconds=30`);

    expect(done.body).toMatchObject({ status: 'failed', failure: { code: 'device-not-found' } });
  });

  test('what nobody made is not found', async () => {
    expect(await stack.call('GET', '/api/devices/device-1/invocations/none')).toMatchObject({
      status: 404,
      body: { code: 'invocation-not-found' },
    });
  });

  test('a queue message that makes no sense ends in the poison queue with the reason', async () => {
    const queues = QueueServiceClient.fromConnectionString(stack.storage.connectionString);
    await queues
      .getQueueClient('downlink-invocations')
      .sendMessage(Buffer.from('{"deviceId":1}').toString('base64'));
    const poison = queues.getQueueClient('downlink-invocations-poison');
    const found = await until('the poison is there', async () => {
      const { receivedMessageItems } = await poison
        .receiveMessages()
        .catch(() => ({ receivedMessageItems: [] }));
      return receivedMessageItems[0];
    });

    expect(JSON.parse(Buffer.from(found.messageText, 'base64').toString())).toMatchObject({
      message: '{"deviceId":1}',
      reason: { code: 'not-understood' },
    });
  });
});
