import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import type { ErrorCode } from '../../../functions/errors.ts';
import { sendMessageRoute } from '../../../functions/http/send-message.ts';
import { withProblems } from '../../../functions/http/with-problems.ts';
import type { SendMessageRequest } from '../../../functions/messages/new-message.ts';
import { call } from '../../support/http.ts';
import type { Call } from '../../support/http.ts';
import { aMessage } from '../../support/messages.ts';

function setUp(
  outcome: {
    error?: DownlinkError;
    replayed?: boolean;
    pending?: boolean;
    receivesReceipts?: boolean;
  } = {},
) {
  const requests: SendMessageRequest[] = [];
  const queued: SendMessageRequest[] = [];
  const handler = withProblems(
    sendMessageRoute({
      newMessageId: () => 'fresh-id',
      receivesReceipts: outcome.receivesReceipts ?? false,
      send: async (request) => {
        requests.push(request);
        if (outcome.error) throw outcome.error;
        const status = outcome.pending ? 'accepted' : 'enqueued';
        const { deviceId, messageId } = request;
        return {
          message: aMessage({ deviceId, messageId, status }),
          replayed: outcome.replayed ?? false,
        };
      },
      queue: async (request) => {
        queued.push(request);
        return { message: aMessage(request), replayed: false };
      },
    }),
  );
  const post = async (request: Omit<Call, 'method'>) =>
    call(handler, { params: { deviceId: 'device-1' }, ...request });
  return { post, requests, queued };
}

describe('POST /api/devices/{deviceId}/messages', () => {
  test('waits for a receipt as long as it is told, and for none if that is no time', async () => {
    const { post, requests } = setUp({ receivesReceipts: true });

    await post({ json: { awaitReceiptSeconds: 172_800 } });
    await post({ json: { awaitReceiptSeconds: 0 } });

    expect(requests[0]).toHaveProperty('awaitReceiptSeconds', 172_800);
    expect(requests[1]).not.toHaveProperty('awaitReceiptSeconds');
  });

  test('sends JSON with the defaults of the contract', async () => {
    const { post, requests } = setUp();

    const answer = await post({
      json: { body: { on: true }, properties: { Property: 'PropMsg_0' } },
    });

    expect(answer.status).toBe(202);
    expect(answer.headers).toMatchObject({
      location: '/api/devices/device-1/messages/fresh-id',
      'x-request-id': 'request-1',
    });
    expect(requests).toEqual([
      {
        deviceId: 'device-1',
        messageId: 'fresh-id',
        body: Buffer.from('{"on":true}'),
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        properties: { Property: 'PropMsg_0' },
        ack: 'full',
        expiry: { ttlSeconds: 3600 },
      },
    ]);
  });

  test.each([
    ['JSON null', { body: null }, 'null'],
    ['a JSON string', { body: '' }, '""'],
    ['exact text', { bodyText: 'ätsch' }, 'ätsch'],
    ['bytes', { bodyBase64: Buffer.from([0, 255]).toString('base64') }, Buffer.from([0, 255])],
    ['nothing', {}, ''],
  ])('sends %s', async (_, json, expected) => {
    const { post, requests } = setUp();

    await post({ json });

    expect(Buffer.from(requests[0]?.body ?? [])).toEqual(Buffer.from(expected));
  });

  test('takes no body at all for an empty message', async () => {
    const { post, requests } = setUp();

    expect((await post({})).status).toBe(202);
    expect(requests[0]?.body).toHaveLength(0);
  });

  test('escapes ids in the location', async () => {
    const { post } = setUp();

    const answer = await post({ params: { deviceId: 'a#b' }, json: { messageId: 'c?d%e' } });

    expect(answer.headers['location']).toBe('/api/devices/a%23b/messages/c%3Fd%25e');
  });

  test('derives the id from device and idempotency key', async () => {
    const { post, requests } = setUp();

    await post({ headers: { 'idempotency-key': 'order 7'.replace(' ', '-') } });
    await post({ headers: { 'idempotency-key': 'order-7' } });
    await post({ params: { deviceId: 'device-2' }, headers: { 'idempotency-key': 'order-7' } });

    const [first, second, other] = requests.map(({ messageId }) => messageId);
    expect(first).toMatch(/^key-[\w-]{43}$/);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });

  test.each([
    ['a repeat', { replayed: true }, 200],
    ['a repeat during the hand-over', { replayed: true, pending: true }, 202],
  ])('marks %s as replayed', async (_, outcome, status) => {
    const { post } = setUp(outcome);

    const answer = await post({ json: { messageId: 'm' } });

    expect(answer.status).toBe(status);
    expect(answer.headers['idempotent-replayed']).toBe('true');
  });

  test.each<[string, Omit<Call, 'method'>, string, RegExp]>([
    ['malformed JSON', { text: '{"body":' }, 'body', /not valid JSON/],
    ['JSON that is no object', { json: [] }, 'body', /expected object/],
    ['an unknown member', { json: { boddy: 1 } }, 'body.boddy', /not known/],
    ['an unknown query parameter', { query: { dispach: 'queued' } }, 'query.dispach', /not known/],
    [
      'two body forms',
      { json: { body: 1, bodyText: 'x' } },
      'body.bodyText',
      /cannot stand beside body/,
    ],
    ['base64 that is none', { json: { bodyBase64: '***' } }, 'body.bodyBase64', /base64/],
    ['a text body of another type', { json: { bodyText: 7 } }, 'body.bodyText', /string/],
    [
      'an illegal message id',
      { json: { messageId: 'a/b' } },
      'body.messageId',
      /1 to 128 characters/,
    ],
    ['an empty message id', { json: { messageId: '' } }, 'body.messageId', /1 to 128 characters/],
    [
      'a message id of 129 characters',
      { json: { messageId: 'x'.repeat(129) } },
      'body.messageId',
      /128/,
    ],
    [
      'a message id beside a key',
      { json: { messageId: 'm' }, headers: { 'idempotency-key': 'k' } },
      'headers.idempotency-key',
      /cannot stand beside/,
    ],
    [
      'a property name with a space',
      { json: { properties: { 'a b': 'x' } } },
      'body.properties.a b',
      /name/,
    ],
    ['an empty property name', { json: { properties: { '': 'x' } } }, 'body.properties.', /name/],
    [
      'a property name of the hub',
      { json: { properties: { 'iothub-ack': 'full' } } },
      'body.properties.iothub-ack',
      /keeps for itself/,
    ],
    [
      'a property name that the SDK would not send',
      { json: { properties: { 'dt-subject': 'x' } } },
      'body.properties.dt-subject',
      /keeps for itself/,
    ],
    [
      'a property value of another type',
      { json: { properties: { a: 1 } } },
      'body.properties.a',
      /string/,
    ],
    [
      'a property value with a space',
      { json: { properties: { a: 'b c' } } },
      'body.properties.a',
      /may only hold/,
    ],
    [
      'an unknown acknowledgement',
      { json: { ack: 'maybe' } },
      'body.ack',
      /none, positive, negative, full/,
    ],
    ['a time to live of 0', { json: { ttlSeconds: 0 } }, 'body.ttlSeconds', /at least 1 second/],
    [
      'a time to live of 49 hours',
      { json: { ttlSeconds: 49 * 3600 } },
      'body.ttlSeconds',
      /48 hours/,
    ],
    [
      'a time to live of half a second',
      { json: { ttlSeconds: 0.5 } },
      'body.ttlSeconds',
      /whole number/,
    ],
    ['a time to live as text', { json: { ttlSeconds: '60' } }, 'body.ttlSeconds', /number/],
    [
      'two expiries',
      { json: { ttlSeconds: 60, expiresAt: '2026-03-01T13:00:00Z' } },
      'body.expiresAt',
      /cannot stand beside/,
    ],
    [
      'a time that is none',
      { json: { expiresAt: 'tomorrow' } },
      'body.expiresAt',
      /must be a time/,
    ],
    [
      'an illegal device id',
      { params: { deviceId: 'a b' }, json: {} },
      'path.deviceId',
      /1 to 128 characters/,
    ],
    [
      'a wait for a receipt of over 48 hours',
      { json: { awaitReceiptSeconds: 172_801 } },
      'body.awaitReceiptSeconds',
      /at most 172800/,
    ],
    [
      'a wait for a receipt where none are read',
      { json: { awaitReceiptSeconds: 60 } },
      'body.awaitReceiptSeconds',
      /receipts are not set up/,
    ],
  ])('refuses %s', async (_, request, path, message) => {
    const { post, requests } = setUp();

    const answer = await post(request);

    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body).toMatchObject({
      type: '/problems/invalid-request',
      code: 'invalid-request',
      status: 400,
      instance: 'request-1',
      errors: [{ path, message: expect.stringMatching(message) }],
    });
    expect(requests).toEqual([]);
  });

  test('names every fault at once', async () => {
    const { post } = setUp();

    const answer = await post({
      params: { deviceId: '' },
      json: { ack: 1, ttlSeconds: -1, properties: { 'a b': 'x', c: 'y z' }, extra: true },
    });

    expect(answer.body['errors']).toHaveLength(6);
  });

  test('refuses the property name __proto__ instead of losing it', async () => {
    const { post } = setUp();

    const answer = await post({ text: '{"properties":{"__proto__":"x"}}' });

    expect(answer.status).toBe(400);
  });

  test.each(['text/plain', 'application/xml', ''])(
    'refuses the content type "%s"',
    async (type) => {
      const { post, requests } = setUp();

      const answer = await post({ json: {}, headers: { 'content-type': type } });

      expect(answer.status).toBe(415);
      expect(answer.body).toMatchObject({ code: 'unsupported-media-type' });
      expect(requests).toEqual([]);
    },
  );

  test('refuses a body over the limit before parsing it', async () => {
    const { post, requests } = setUp();

    const answer = await post({ text: `{"bodyText":"${'x'.repeat(512 * 1024)}` });

    expect(answer.status).toBe(413);
    expect(requests).toEqual([]);
  });

  test.each<[ErrorCode, number]>([
    ['device-not-found', 404],
    ['device-queue-full', 409],
    ['idempotency-conflict', 409],
    ['message-too-large', 413],
    ['throttled', 429],
    ['quota-exceeded', 403],
    ['hub-unavailable', 503],
    ['storage-unavailable', 503],
    ['hub-outcome-unknown', 504],
  ])('answers %s with %d', async (code, status) => {
    const { post } = setUp({ error: new DownlinkError(code, 'Why, and what to do.') });

    const answer = await post({ json: {} });

    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ code, status, detail: 'Why, and what to do.' });
    expect('retry-after' in answer.headers).toBe(status === 429 || status === 503);
  });

  test('tells nothing of an error that is not ours', async () => {
    const handler = withProblems(async () => {
      throw new TypeError('secret of the inside');
    });

    const answer = await call(handler, {});

    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toMatch(/secret/);
    expect(answer.body).toMatchObject({ code: 'internal', instance: 'request-1' });
  });
});

describe('the nesting of a body', () => {
  const nested = (depth: number) => `{"body":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  test.each([
    ['499 levels', nested(499), 202],
    ['500 levels', nested(500), 400],
    ['a million levels', '['.repeat(400_000), 400],
    ['brackets in a string', JSON.stringify({ bodyText: '[{"\\'.repeat(5000) }), 202],
    ['a string that never ends', `"${String.raw`\"`.repeat(200_000)}`, 400],
  ])('%s: %#', async (_, text, status) => {
    expect((await setUp().post({ text })).status).toBe(status);
  });

  test('takes a message over with dispatch=queued, and nothing else by that name', async () => {
    const { post, requests, queued } = setUp();

    const taken = await post({ query: { dispatch: 'queued' }, json: { messageId: 'one' } });
    const refused = await post({ query: { dispatch: 'later' }, json: {} });

    expect(taken).toMatchObject({ status: 202, body: { messageId: 'one', status: 'accepted' } });
    expect(queued.map(({ messageId }) => messageId)).toEqual(['one']);
    expect(requests).toEqual([]);
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: 'query.dispatch' }] } });
  });
});
