import { describe, expect, test } from '@jest/globals';
import { readHubErrorCode } from '../../../functions/iothub/hub-error-code.ts';
import { responseError } from '../../../functions/iothub/iothub-errors.ts';

const anAnswer = (status: number, body: string, headers: Record<string, string> = {}) => ({
  status,
  headers,
  body,
});

describe('readHubErrorCode', () => {
  test.each([
    [
      'the registry',
      '{"Message":"ErrorCode:DeviceNotFound;E2E: no such device","ExceptionMessage":"Tracking ID:1"}',
      'DeviceNotFound',
    ],
    [
      'the gateway of the devices',
      String.raw`{"Message":"{\"errorCode\":404103,\"trackingId\":\"1\",\"message\":\"offline\"}","ExceptionMessage":""}`,
      '404103',
    ],
    ['newer parts', '{"errorCode":429001,"message":"slow down"}', '429001'],
    ['newer parts, as text', '{"errorCode":"429001"}', '429001'],
  ])('reads the words of %s', (_who, body, code) => {
    expect(readHubErrorCode(anAnswer(404, body))).toBe(code);
  });

  test('reads the header if the body says nothing', () => {
    const headers = { 'iothub-errorcode': 'DeviceNotFound' };

    expect(readHubErrorCode(anAnswer(404, '', headers))).toBe('DeviceNotFound');
  });

  test.each([
    '',
    'Not Found',
    '<html>',
    'null',
    '[]',
    '"text"',
    '{}',
    '{"Message":7}',
    '{"Message":"{"}',
  ])('finds nothing in %j', (body) => {
    expect(readHubErrorCode(anAnswer(404, body))).toBeUndefined();
  });

  test('is not taken in by a member of the prototype', () => {
    expect(readHubErrorCode(anAnswer(404, '{"__proto__":{"errorCode":404001}}'))).toBeUndefined();
  });
});

describe('responseError', () => {
  test('takes no 404 for an unknown device unless the hub says so: a proxy may have answered', () => {
    expect(responseError(anAnswer(404, 'Not Found')).code).toBe('hub-unavailable');
  });

  test("passes on when to come back, in the hub's own words or in ours", () => {
    expect(responseError(anAnswer(429, '', { 'retry-after': '7' })).retryAfterSeconds).toBe(7);
    expect(responseError(anAnswer(429, '')).retryAfterSeconds).toBe(10);
    expect(responseError(anAnswer(429, '', { 'retry-after': 'soon' })).retryAfterSeconds).toBe(10);
  });

  test.each([
    ['DeviceMaximumQueueDepthExceeded', 403, 'device-queue-full'],
    ['IotHubQuotaExceeded', 403, 'quota-exceeded'],
    ['DeviceDisabled', 403, 'device-not-found'],
    ['IotHubSuspended', 403, 'hub-unavailable'],
    ['IotHubNotFound', 401, 'hub-unavailable'],
    ['SomethingNew', 403, 'hub-unavailable'],
    ['constructor', 404, 'hub-unavailable'],
  ])('understands %s as %s', (name, status, code) => {
    const body = JSON.stringify({ Message: `ErrorCode:${name};words of the hub` });
    const error = responseError(anAnswer(status, body));

    expect(error.code).toBe(code);
    expect(error.detail).not.toContain('words of the hub');
    expect(String(error.cause)).toContain('words of the hub');
  });
});
