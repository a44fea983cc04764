import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import type { ErrorCode } from '../../../functions/errors.ts';
import { invokeMethodRoute } from '../../../functions/http/invoke-method.ts';
import { withProblems } from '../../../functions/http/with-problems.ts';
import type { MethodCall } from '../../../functions/methods/method.ts';
import { call } from '../../support/http.ts';
import type { Call } from '../../support/http.ts';

function setUp(error?: DownlinkError) {
  const calls: MethodCall[] = [];
  let now = 1000;
  const handler = withProblems(
    invokeMethodRoute({
      newInvocationId: () => 'invocation-1',
      now: () => (now += 7),
      invoker: {
        invoke: async (methodCall) => {
          calls.push(methodCall);
          if (error) throw error;
          return { status: 400, payload: { Response: 'no' } };
        },
      },
    }),
  );
  const post = async (request: Omit<Call, 'method'>) =>
    call(handler, { params: { deviceId: 'device-1', methodName: 'reboot' }, ...request });
  return { post, calls };
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
    [
      'an idempotency key, which is not there yet',
      { headers: { 'idempotency-key': 'x' } },
      'headers.idempotency-key',
    ],
    [
      'respond-async, which is not there yet',
      { headers: { prefer: 'respond-async' } },
      'headers.prefer',
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
});
