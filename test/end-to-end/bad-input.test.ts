import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Stack } from '../support/stack.ts';
import type { Request } from '../support/stack.ts';

const MESSAGES = '/api/devices/device-2/messages';

describe('bad input through the HTTP door', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await Stack.start();
  });
  afterAll(async () => {
    await stack.stop();
  });

  async function expectNothingHappened(): Promise<void> {
    const { body } = await stack.call('GET', MESSAGES);
    expect(body).toEqual({ items: [] });
    expect(stack.hub.state.cloudToDevice.count('device-2')).toBe(0);
  }

  test.each<[string, string, string, Request, number, string]>([
    ['malformed JSON', 'POST', MESSAGES, { text: '{"body":' }, 400, 'invalid-request'],
    ['a wrong type', 'POST', MESSAGES, { json: { ttlSeconds: 'x' } }, 400, 'invalid-request'],
    ['an unknown member', 'POST', MESSAGES, { json: { boddy: 1 } }, 400, 'invalid-request'],
    [
      'two body forms',
      'POST',
      MESSAGES,
      { json: { body: 1, bodyText: '' } },
      400,
      'invalid-request',
    ],
    [
      'a body over 64 KB',
      'POST',
      MESSAGES,
      { json: { bodyText: 'x'.repeat(65_537) } },
      413,
      'message-too-large',
    ],
    ['a huge body', 'POST', MESSAGES, { text: 'x'.repeat(5_000_000) }, 413, 'message-too-large'],
    [
      'deeply nested JSON',
      'POST',
      MESSAGES,
      { text: `{"body":${'['.repeat(100_000)}${']'.repeat(100_000)}}` },
      400,
      'invalid-request',
    ],
    [
      'an illegal message id',
      'POST',
      MESSAGES,
      { json: { messageId: 'a b' } },
      400,
      'invalid-request',
    ],
    [
      'an illegal property name',
      'POST',
      MESSAGES,
      { json: { properties: { 'a b': '' } } },
      400,
      'invalid-request',
    ],
    ['ttlSeconds of 0', 'POST', MESSAGES, { json: { ttlSeconds: 0 } }, 400, 'invalid-request'],
    [
      'ttlSeconds of 49 h',
      'POST',
      MESSAGES,
      { json: { ttlSeconds: 176_400 } },
      400,
      'invalid-request',
    ],
    [
      'an illegal device id',
      'POST',
      '/api/devices/a%20b/messages',
      { json: {} },
      400,
      'invalid-request',
    ],
    [
      'a wrong content type',
      'POST',
      MESSAGES,
      { json: {}, headers: { 'content-type': 'text/plain' } },
      415,
      'unsupported-media-type',
    ],
    ['a wrong method', 'PUT', MESSAGES, { json: {} }, 405, 'method-not-allowed'],
    ['a wrong page token', 'GET', `${MESSAGES}?continuationToken=x`, {}, 400, 'invalid-request'],
    [
      'a page token of no device list',
      'GET',
      '/api/devices?continuationToken=x',
      {},
      400,
      'invalid-request',
    ],
    [
      'a method payload over 128 KB',
      'POST',
      '/api/devices/device-2/methods/m',
      { json: { payload: 'x'.repeat(131_073) } },
      413,
      'payload-too-large',
    ],
  ])('%s', async (_, method, route, request, status, code) => {
    const answer = await stack.call(method, route, request);

    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('x-request-id')).toBe(answer.body['instance']);
    expect(answer).toMatchObject({
      status,
      body: { type: `/problems/${code}`, status, code, detail: expect.any(String) },
    });
    await expectNothingHappened();
  });

  test.each([
    ['no key', {}],
    ['a wrong key', { 'x-functions-key': 'guessed' }],
    ['an empty key', { 'x-functions-key': '' }],
    [
      'a forged principal',
      { 'x-ms-client-principal': Buffer.from('{"userId":"me"}').toString('base64') },
    ],
  ])('%s: 401, and nothing happens', async (_, headers: Record<string, string>) => {
    const response = await fetch(`${stack.app.url}${MESSAGES}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{}',
    });

    expect(response.status).toBe(401);
    await expectNothingHappened();
  });

  test('an unknown route is answered 404, empty, as the real host does', async () => {
    const answer = await stack.call('GET', '/api/devises');

    expect(answer).toMatchObject({ status: 404, body: {} });
  });

  test('all of it 200 times at once leaves nothing behind and the app well', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) =>
        stack.call('POST', MESSAGES, { json: { ttlSeconds: -index, nonsense: index } }),
      ),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
    await expectNothingHappened();
    expect((await fetch(`${stack.app.url}/api/health`)).status).toBe(200);
  });

  test('200 sends of one id at once reach the hub once; other content is refused', async () => {
    const url = '/api/devices/device-1/messages';
    const send = async (body: string) =>
      stack.call('POST', url, { json: { messageId: 'one', bodyText: body } });

    const answers = await Promise.all(Array.from({ length: 200 }, async () => send('same')));
    const other = await send('other');
    const again = await send('same');

    expect(answers.filter(({ status }) => status !== 200 && status !== 202)).toEqual([]);
    expect(stack.hub.state.cloudToDevice.count('device-1')).toBe(1);
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency-conflict' } });
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
  });
});
