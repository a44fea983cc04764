import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import type { ErrorCode } from '../../../functions/errors.ts';
import { invokeMethodRoute } from '../../../functions/http/invoke-method.ts';
import { withProblems } from '../../../functions/http/with-problems.ts';
import type { InvocationKey } from '../../../functions/methods/invocation-store.ts';
import { invokeMethod } from '../../../functions/methods/invoke-method.ts';
import type { InvokeDependencies } from '../../../functions/methods/invoke-method.ts';
import type { MethodCall } from '../../../functions/methods/method.ts';
import { call } from '../../support/http.ts';
import type { Call } from '../../support/http.ts';
import { NOON } from '../../support/messages.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();

/** The route over real storage; the hub is what the test says it is. */
function setUp(error?: DownlinkError) {
  const calls: MethodCall[] = [];
  const enqueued: InvocationKey[] = [];
  const { invocations: store } = storage();
  let now = NOON;
  let owners = 0;
  const dependencies: InvokeDependencies = {
    store,
    queue: {
      enqueue: async (key) => {
        enqueued.push(key);
      },
    },
    invoker: {
      invoke: async (methodCall) => {
        calls.push(methodCall);
        if (error) throw error;
        now += 7;
        return { status: 400, payload: { Response: 'no' } };
      },
    },
    sendFallback: async ({ invocationId }) => invocationId,
    hasFallbackMessage: async () => false,
    now: () => now,
    sleep: async () => undefined,
    newOwner: () => `owner-${(owners += 1)}`,
    warn: () => undefined,
  };
  const handler = withProblems(
    invokeMethodRoute({
      checkMayFallBack: () => undefined,
      newInvocationId: () => 'invocation-1',
      invoke: async (request, options) => invokeMethod(dependencies, request, options),
    }),
  );
  const post = async (request: Omit<Call, 'method'>) =>
    call(handler, { params: { deviceId: 'device-1', methodName: 'reboot' }, ...request });
  return { post, calls, enqueued };
}

describe('POST /api/devices/{deviceId}/methods/{methodName}', () => {
  test("answers 200 with the device's own status, whatever it is", async () => {
    const { post, calls } = setUp();

    const answer = await post({ json: { payload: { delay: 1 }, responseTimeoutSeconds: 5 } });

    expect(calls).toEqual([
      {
        deviceId: 'device-1',
        methodName: 'reboot',
        payload: { delay: 1 },
        responseTimeoutSeconds: 5,
        connectTimeoutSeconds: 0,
      },
    ]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        invocationId: 'invocation-1',
        deviceId: 'device-1',
        methodName: 'reboot',
        status: 400,
        payload: { Response: 'no' },
        durationMs: 7,
      },
    });
  });

  test.each([
    ['no body', {}, null],
    ['null', { json: { payload: null } }, null],
    ['an empty string', { json: { payload: '' } }, ''],
    ['false', { json: { payload: false } }, false],
  ])('passes %s on', async (_, request, payload) => {
    const { post, calls } = setUp();

    await post(request);

    expect(calls[0]?.payload).toBe(payload);
  });

  test.each<[string, Omit<Call, 'method'>, string]>([
    [
      'a response timeout of 4 s',
      { json: { responseTimeoutSeconds: 4 } },
      'body.responseTimeoutSeconds',
    ],
    [
      'a response timeout of 301 s',
      { json: { responseTimeoutSeconds: 301 } },
      'body.responseTimeoutSeconds',
    ],
    [
      'a connect timeout of -1 s',
      { json: { connectTimeoutSeconds: -1 } },
      'body.connectTimeoutSeconds',
    ],
    [
      'more than an HTTP call may take',
      { json: { responseTimeoutSeconds: 150, connectTimeoutSeconds: 51 } },
      'body.responseTimeoutSeconds',
    ],
    ['an unknown member', { json: { timeout: 5 } }, 'body.timeout'],
    ['a fallback without a time', { json: { fallback: {} } }, 'body.fallback.messageTtlSeconds'],
    [
      'a fallback of over two days',
      { json: { fallback: { messageTtlSeconds: 172_801 } } },
      'body.fallback.messageTtlSeconds',
    ],
    [
      'an idempotency key of nothing printable',
      { headers: { 'idempotency-key': 'a b' } },
      'headers.idempotency-key',
    ],
    ['an illegal method name', { params: { deviceId: 'd', methodName: 'a b' } }, 'path.methodName'],
  ])('refuses %s', async (_, request, path) => {
    const { post, calls } = setUp();

    const answer = await post(request);

    expect(answer.body).toMatchObject({ status: 400, errors: [{ path }] });
    expect(calls).toEqual([]);
  });

  test.each<[ErrorCode, number]>([
    ['device-not-found', 404],
    ['device-not-online', 409],
    ['payload-too-large', 413],
    ['in-flight-limit', 429],
    ['bad-device-response', 502],
    ['device-timeout', 504],
    ['device-disconnected', 504],
  ])('answers %s with %d', async (code, status) => {
    const { post } = setUp(new DownlinkError(code, 'Why.'));

    expect(await post({})).toMatchObject({ status, body: { code } });
  });

  test('answers 202 with the fallback message’s location when the device is not online', async () => {
    const { post } = setUp(new DownlinkError('device-not-online', 'Why.'));

    const answer = await post({ json: { fallback: { messageTtlSeconds: 60 } } });

    expect(answer).toMatchObject({
      status: 202,
      headers: { location: '/api/devices/device-1/messages/invocation-1' },
      body: {
        status: 'failed',
        failure: { code: 'device-not-online' },
        fallbackMessageId: 'invocation-1',
      },
    });
  });

  test.each([
    ['a payload of over 128 KB', { payload: 'x'.repeat(131_072) }, 'payload-too-large'],
    [
      'a fallback that no message holds',
      { payload: 'x'.repeat(65_536), fallback: { messageTtlSeconds: 60 } },
      'message-too-large',
    ],
  ])('answers 413 to %s and calls nothing', async (_, json, code) => {
    const { post, calls } = setUp();

    expect(await post({ json })).toMatchObject({ status: 413, body: { code } });
    expect(calls).toEqual([]);
  });

  describe('with Prefer: respond-async', () => {
    const headers = { prefer: 'wait=5, Respond-Async' };

    test('answers 202 and the location before anything is called', async () => {
      const { post, calls, enqueued } = setUp();

      const answer = await post({
        headers,
        json: { responseTimeoutSeconds: 300, connectTimeoutSeconds: 300 },
      });

      expect(answer).toMatchObject({
        status: 202,
        headers: {
          location: '/api/devices/device-1/invocations/invocation-1',
          'preference-applied': 'respond-async',
        },
        body: { status: 'accepted', final: false, result: null, failure: null, attempt: 1 },
      });
      expect(enqueued).toEqual([{ deviceId: 'device-1', invocationId: 'invocation-1' }]);
      expect(calls).toEqual([]);
    });

    test('answers a repeat of the key with what there is, and enqueues nothing', async () => {
      const { post, enqueued } = setUp();
      const request = { headers: { ...headers, 'idempotency-key': 'k' } };
      await post(request);

      const again = await post(request);

      expect(again).toMatchObject({ status: 202, headers: { 'idempotent-replayed': 'true' } });
      expect(enqueued).toHaveLength(1);
    });
  });

  describe('with an Idempotency-Key', () => {
    const headers = { 'idempotency-key': 'key-1' };

    test('calls once for parallel repeats, which all get the answer', async () => {
      const { post, calls } = setUp();

      const answers = await Promise.all(Array.from({ length: 20 }, async () => post({ headers })));

      expect(calls).toHaveLength(1);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ body }) => body['status']))).toEqual(new Set([400]));
      const replayed = answers.filter((each) => each.headers['idempotent-replayed'] === 'true');
      expect(replayed).toHaveLength(19);
    });

    test('answers 409 to other content', async () => {
      const { post, calls } = setUp();
      await post({ headers, json: { payload: 1 } });

      expect(await post({ headers, json: { payload: 2 } })).toMatchObject({
        status: 409,
        body: { code: 'idempotency-conflict' },
      });
      expect(calls).toHaveLength(1);
    });

    test.each<[ErrorCode, object, number]>([
      ['device-not-online', {}, 2],
      ['device-timeout', {}, 1],
      ['device-disconnected', {}, 1],
      ['hub-outcome-unknown', {}, 1],
      ['bad-device-response', {}, 1],
      ['device-timeout', { idempotent: true }, 2],
    ])('after %s with %j a repeat makes it %d calls', async (code, json, times) => {
      const { post, calls } = setUp(new DownlinkError(code, 'Why.'));

      await post({ headers, json });
      const again = await post({ headers, json });

      expect(again).toMatchObject({ body: { code, detail: 'Why.' } });
      expect(calls).toHaveLength(times);
    });
  });
});
