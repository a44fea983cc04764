import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock, mapPorts, startHub } from '@downlink/simulator';
import type { HubRequestError } from '../../../functions/iothub/hub-rest.ts';
import { MAX_METHOD_PAYLOAD_BYTES } from '../../../functions/methods/method.ts';
import type { MethodCall } from '../../../functions/methods/method.ts';
import { until } from '../../support/until.ts';
import { startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

const ROUTE = 'POST /twins/{deviceId}/methods';

describe('MethodInvoker.invoke', () => {
  let server: HubUnderTest;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    server = await startHubUnderTest({ clock });
  });

  afterEach(async () => {
    await server.stop();
  });

  const invoke = async (given: Partial<MethodCall> = {}) =>
    server.connect().invoker.invoke({
      deviceId: 'device-1',
      methodName: 'open',
      payload: { far: true },
      responseTimeoutSeconds: 30,
      connectTimeoutSeconds: 0,
      ...given,
    });

  /** Plays the device; what it was asked is in the array. */
  function answer(status: number, payload: string): string[] {
    const { methods } = server.hub.state;
    const asked: string[] = [];
    methods.attach('device-1', (request) => {
      asked.push(`${request.methodName} ${request.payload.toString()}`);
      methods.respond('device-1', request.requestId, status, Buffer.from(payload));
    });
    return asked;
  }

  test("gives the device's own status and payload, whatever they are", async () => {
    const asked = answer(418, '{"teapot":true}');

    expect(await invoke()).toEqual({ status: 418, payload: { teapot: true } });
    expect(asked).toEqual(['open {"far":true}']);
  });

  test.each([null, '', 'text', 0, false, [], {}])(
    'passes the payload %j both ways',
    async (payload) => {
      const asked = answer(200, JSON.stringify(payload));

      expect(await invoke({ payload })).toEqual({ status: 200, payload });
      expect(asked).toEqual([`open ${JSON.stringify(payload)}`]);
    },
  );

  test('sends null where no payload is given', async () => {
    const asked = answer(200, 'null');

    expect(await invoke({ payload: undefined })).toEqual({ status: 200, payload: null });
    expect(asked).toEqual(['open null']);
  });

  test('keeps text intact that spans many packets', async () => {
    // Three bytes each: packets end inside of characters.
    const text = '大'.repeat(40_000);
    answer(200, JSON.stringify(text));

    expect((await invoke({ payload: text })).payload).toBe(text);
  });

  test('takes 128 KB and not one byte more, without asking the hub', async () => {
    const asked = answer(200, '1');
    const most = 'x'.repeat(MAX_METHOD_PAYLOAD_BYTES - 2);

    await expect(invoke({ payload: most })).resolves.toMatchObject({ payload: 1 });
    await expect(invoke({ payload: `${most}x` })).rejects.toMatchObject({
      code: 'payload-too-large',
      detail: expect.stringContaining('131073'),
    });

    expect(asked).toHaveLength(1);
    expect(server.seen(ROUTE)).toBe(1);
  });

  test('waits for the device to connect as long as it is told to', async () => {
    const invoking = invoke({ connectTimeoutSeconds: 20 });
    await until('the hub waits', () => server.hub.state.methods.inFlight('device-1') === 1);
    answer(200, '"late"');

    expect(await invoking).toEqual({ status: 200, payload: 'late' });
  });

  test('tells apart who is unknown and who is offline', async () => {
    await expect(invoke({ deviceId: 'nobody' })).rejects.toMatchObject({
      code: 'device-not-found',
    });
    await expect(invoke()).rejects.toMatchObject({ code: 'device-not-online' });
  });

  test('says that the method may have run when the device does not answer in time', async () => {
    server.hub.state.methods.attach('device-1', () => undefined);
    const invoking = invoke({ responseTimeoutSeconds: 5 });
    await until('the device has it', () => server.hub.state.methods.inFlight('device-1') === 1);

    clock.advance(5_000);

    await expect(invoking).rejects.toMatchObject({
      code: 'device-timeout',
      detail: expect.stringContaining('may have run'),
    });
  });

  test.each([
    [404001, 404, 'device-not-found'],
    [404103, 404, 'device-not-online'],
    [404104, 404, 'device-disconnected'],
    [504101, 504, 'device-timeout'],
    [403800, 403, 'in-flight-limit'],
    [403002, 403, 'quota-exceeded'],
    [413001, 413, 'payload-too-large'],
    [429001, 429, 'throttled'],
    [400004, 400, 'invalid-request'],
    [401002, 401, 'hub-unavailable'],
    [403010, 403, 'hub-unavailable'],
    [502000, 502, 'bad-device-response'],
    [500001, 500, 'hub-outcome-unknown'],
    [503001, 503, 'hub-outcome-unknown'],
    [504000, 504, 'hub-outcome-unknown'],
  ])('understands %i (HTTP %i) as %s', async (code, httpStatus, ours) => {
    server.hub.faults.add('https-request', {
      kind: 'error',
      code,
      httpStatus,
      description: 'secret',
    });

    await expect(invoke()).rejects.toMatchObject({
      code: ours,
      detail: expect.not.stringContaining('secret'),
    });
    expect(server.seen(ROUTE)).toBe(1);
  });

  test('does not know what became of a call whose connection was cut', async () => {
    server.hub.faults.add('https-request', { kind: 'drop-connection' });

    await expect(invoke()).rejects.toMatchObject({ code: 'hub-outcome-unknown' });
    expect(server.seen(ROUTE)).toBe(1);
  });

  test('does not know what became of a call on a kept connection that had died', async () => {
    answer(200, '1');
    const { invoker } = server.connect();
    const call = { deviceId: 'device-1', methodName: 'open', payload: 1 };
    const times = { responseTimeoutSeconds: 5, connectTimeoutSeconds: 0 };
    await invoker.invoke({ ...call, ...times });
    server.hub.faults.add('https-request', { kind: 'drop-connection' });

    await expect(invoker.invoke({ ...call, ...times })).rejects.toMatchObject({
      code: 'hub-outcome-unknown',
    });
    await expect(invoker.invoke({ ...call, ...times })).resolves.toMatchObject({ status: 200 });
  });

  test('knows that nothing was called when nobody listens', async () => {
    await server.hub.stop();

    await expect(invoke()).rejects.toMatchObject({ code: 'hub-unavailable' });
  });

  test('knows that nothing was called when the other side cannot prove who it is', async () => {
    const stranger = await startHub();
    const undoPorts = mapPorts({
      hostName: 'localhost',
      ports: { 443: stranger.ports.https },
      certificateAuthorityPem: '',
    });

    const error: unknown = await invoke().catch((reason: unknown) => reason);
    undoPorts();
    await stranger.stop();

    expect(error).toMatchObject({ code: 'hub-unavailable' });
    const { cause: requestError } = error as { cause: HubRequestError };
    expect(requestError.sent).toBe(false);
    expect(requestError.cause).toMatchObject({ code: expect.stringMatching(/CERT|VERIFY/) });
  });
});
