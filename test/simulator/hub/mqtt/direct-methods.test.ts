import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Client } from 'azure-iot-device';
import { rejectedKind } from '../state/builders.ts';
import { until } from '../../../support/until.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';

const METHODS = '$iothub/methods/POST/#';

let hub: MqttHub;

beforeEach(async () => {
  hub = await startMqttHub();
});

afterEach(async () => {
  await hub.stop();
});

function invoke(methodName: string, payload: string, connectTimeoutMs = 0) {
  return hub.state.methods.invoke({
    deviceId: 'device-1',
    methodName,
    payload: Buffer.from(payload),
    responseTimeoutMs: 5_000,
    connectTimeoutMs,
  });
}

function subscriptions(): number {
  return hub.log.entries().filter(({ event }) => event === 'subscribe').length;
}

/** A device that answers `echo` with its payload and the given status. */
async function echoDevice(status: number): Promise<{ client: Client; payloads: unknown[] }> {
  const payloads: unknown[] = [];
  const client = await hub.sdkClient();
  client.onDeviceMethod('echo', (request, response) => {
    payloads.push(request.payload);
    response.send(status, request.payload, () => {});
  });
  await client.open();
  await until('the subscription', () => subscriptions() === 1);
  return { client, payloads };
}

describe('a direct method to a device of the official SDK', () => {
  test.each([
    'null',
    '""',
    '"foo"',
    '{}',
    '0',
    'false',
    '[1,"zwei",{"drei":null}]',
    '{"a":{"b":"ü"}}',
  ])('carries the payload %s there and back unchanged', async (payload) => {
    const { payloads } = await echoDevice(200);

    const result = await invoke('echo', payload);

    expect(payloads).toEqual([JSON.parse(payload)]);
    expect(result.status).toBe(200);
    expect(JSON.parse(result.payload.toString())).toEqual(JSON.parse(payload));
  });

  test.each([400, 500, 1, -7])('brings back the status %i', async (status) => {
    await echoDevice(status);

    expect(await invoke('echo', '{}')).toMatchObject({ status });
  });

  test('carries 128 KB', async () => {
    await echoDevice(200);
    const payload = JSON.stringify('x'.repeat(128 * 1024 - 2));

    const result = await invoke('echo', payload);

    expect(result.payload.toString()).toBe(payload);
  });

  test('each finds its own caller when many are under way', async () => {
    await echoDevice(200);

    const results = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => invoke('echo', String(index))),
    );

    expect(results.map(({ payload }) => Number(payload.toString()))).toEqual(
      Array.from({ length: 50 }, (_, index) => index),
    );
  });

  test('works on after the device renewed its token', async () => {
    const client = await hub.sdkClient('device-1', {
      tokenRenewal: { tokenValidTimeInSeconds: 11, tokenRenewalMarginInSeconds: 10.8 },
    });
    client.onDeviceMethod('echo', (request, response) => {
      response.send(200, request.payload, () => {});
    });
    await client.open();
    await until(
      'the renewal',
      () => hub.log.entries().filter(({ event }) => event === 'connect').length === 2,
    );

    expect(await invoke('echo', '"still here"', 5_000)).toMatchObject({ status: 200 });
  });
});

describe('a direct method', () => {
  test('is a PUBLISH of QoS 0 with its name and a request id; the answer needs no PUBACK', async () => {
    const client = await hub.connectRaw();
    await client.connected();
    await client.subscribe(METHODS, 0);
    const result = invoke('turn on', '{"lamp":1}');

    const { topic, payload, qos } = await client.next('publish');
    const [, requestId = ''] =
      /^\$iothub\/methods\/POST\/turn%20on\/\?\$rid=([0-9a-f]+)$/.exec(topic) ?? [];
    client.publish(`$iothub/methods/res/207/?$rid=${requestId}`, '{"was":"off"}', { qos: 0 });

    expect(qos).toBe(0);
    expect(payload.toString()).toBe('{"lamp":1}');
    expect(await result).toEqual({ status: 207, payload: Buffer.from('{"was":"off"}') });
  });

  test('finds the device offline while it is not subscribed to methods', async () => {
    const client = await hub.connectRaw();
    await client.connected();

    expect(await rejectedKind(invoke('echo', '{}'))).toBe('deviceNotOnline');
    await client.subscribe(METHODS, 0);
    const pending = invoke('echo', '{}');
    client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: [METHODS] });
    await client.next('unsuback');

    expect(await rejectedKind(invoke('echo', '{}'))).toBe('deviceNotOnline');
    hub.clock.advance(5_000);
    expect(await rejectedKind(pending)).toBe('gatewayTimeout');
  });

  test('finds the device offline once it is gone', async () => {
    const { client } = await echoDevice(200);
    await client.close();
    await until(
      'the end',
      () => hub.state.registry.get('device-1').connectionState !== 'Connected',
    );

    expect(await rejectedKind(invoke('echo', '{}'))).toBe('deviceNotOnline');
  });

  test('that waits for the device is handed over as soon as the kept subscription is back', async () => {
    const first = await echoDevice(200);
    await first.client.close();
    await until(
      'the end',
      () => hub.state.registry.get('device-1').connectionState !== 'Connected',
    );
    const waiting = invoke('echo', '"hello"', 60_000);

    const client = await hub.connectRaw();
    await client.connected();

    expect((await client.next('publish')).topic).toContain('$iothub/methods/POST/echo/?$rid=');
    hub.clock.advance(5_000);
    expect(await rejectedKind(waiting)).toBe('gatewayTimeout');
  });

  test('to a silent device ends with 504101 after its response time-out, and a late answer is nobody’s', async () => {
    const client = await hub.connectRaw();
    await client.connected();
    await client.subscribe(METHODS, 0);
    const call = invoke('echo', '{}');
    const { topic } = await client.next('publish');

    hub.clock.advance(5_000);
    await expect(call).rejects.toMatchObject({ kind: 'gatewayTimeout', code: 504101 });

    client.publish(topic.replace('POST/echo', 'res/200'), '{}', { qos: 0 });
    await client.settled();
    expect(hub.log.entries().at(-1)?.event).toBe('method answer nobody waits for');
  });

  test('may be answered on the connection after the one it came by', async () => {
    const client = await hub.connectRaw();
    await client.connected();
    await client.subscribe(METHODS, 0);
    const call = invoke('echo', '{}');
    const { topic } = await client.next('publish');

    const newer = await hub.connectRaw();
    await newer.connected();
    newer.publish(topic.replace('POST/echo', 'res/200'), '"late"', { qos: 1 });
    await newer.next('puback');

    expect(await call).toMatchObject({ status: 200 });
  });

  test('is not answered by another device that guesses its request id', async () => {
    hub.state.registry.create({ deviceId: 'device-2' });
    const client = await hub.connectRaw();
    await client.connected();
    await client.subscribe(METHODS, 0);
    const call = invoke('echo', '{}');
    const answerTopic = (await client.next('publish')).topic.replace('POST/echo', 'res/200');

    const foreign = await hub.connectRaw({ deviceId: 'device-2' });
    await foreign.connected();
    foreign.publish(answerTopic, '"forged"');
    await foreign.next('puback');
    client.publish(answerTopic, '"true"');

    expect((await call).payload.toString()).toBe('"true"');
  });

  test('is dropped when the device has left a megabyte unread', async () => {
    const client = await hub.connectRaw();
    await client.connected();
    await client.subscribe(METHODS, 0);
    client.pause();
    const payload = JSON.stringify('x'.repeat(100_000));
    const calls: Promise<unknown>[] = [];
    const isDropped = () =>
      hub.log.entries().some(({ event }) => event === 'method request dropped');

    while (!isDropped() && calls.length < 95) {
      calls.push(rejectedKind(invoke('echo', payload)));
      await new Promise(setImmediate);
    }
    expect(isDropped()).toBe(true);

    hub.clock.advance(5_000);
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['gatewayTimeout']));
  });
});
