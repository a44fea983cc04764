import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import { getDeviceRoute } from '../../../functions/http/get-device.ts';
import {
  getHealthDetailsRoute,
  getHealthRoute,
  healthChecks,
} from '../../../functions/http/get-health.ts';
import { getMessageRoute } from '../../../functions/http/get-message.ts';
import { listDevicesRoute } from '../../../functions/http/list-devices.ts';
import { listMessagesRoute } from '../../../functions/http/list-messages.ts';
import { methodNotAllowedRoute } from '../../../functions/http/method-not-allowed.ts';
import { purgeMessagesRoute } from '../../../functions/http/purge-messages.ts';
import { withProblems } from '../../../functions/http/with-problems.ts';
import type { Device } from '../../../functions/devices/device.ts';
import type { FeedbackReport } from '../../../functions/messages/feedback-health.ts';
import type { ListQuery } from '../../../functions/messages/message-store.ts';
import { call } from '../../support/http.ts';
import { aMessage, NOON } from '../../support/messages.ts';

const params = { deviceId: 'device-1', messageId: 'message-1' };

describe('GET /api/devices/{deviceId}/messages/{messageId}', () => {
  const waits: number[] = [];
  const handler = withProblems(
    getMessageRoute({
      wait: async ({ messageId }, waitMs) => {
        waits.push(waitMs);
        if (messageId !== 'message-1') return undefined;
        return aMessage({
          status: 'failed',
          history: [
            { status: 'accepted', at: NOON },
            { status: 'failed', at: NOON + 1, detail: 'throttled' },
          ],
          failure: { code: 'throttled', detail: 'Why.' },
        });
      },
    }),
  );

  test('shows the message as the contract says', async () => {
    const answer = await call(handler, { method: 'GET', params });

    expect(answer).toMatchObject({
      status: 200,
      headers: { etag: expect.stringMatching(/^".+"$/) },
    });
    expect(answer.body).toEqual({
      messageId: 'message-1',
      deviceId: 'device-1',
      status: 'failed',
      final: true,
      ack: 'full',
      createdAt: '2026-03-01T12:00:00.000Z',
      expiresAt: '2026-03-01T13:00:00.000Z',
      updatedAt: '2026-03-01T12:00:00.000Z',
      sizeBytes: 2,
      properties: {},
      attempt: 1,
      handOverUntil: '2026-03-01T12:00:30.000Z',
      history: [
        { status: 'accepted', at: '2026-03-01T12:00:00.000Z' },
        { status: 'failed', at: '2026-03-01T12:00:00.001Z', detail: 'throttled' },
      ],
      failure: { code: 'throttled', detail: 'Why.' },
      receipt: null,
    });
  });

  test.each(['%s', 'W/%s', '"other", %s', '*'])('answers 304 for If-None-Match %s', async (tag) => {
    const etag = (await call(handler, { method: 'GET', params })).headers['etag'] ?? '';

    const headers = { 'if-none-match': tag.replace('%s', etag) };
    const answer = await call(handler, { method: 'GET', params, headers });

    expect(answer).toMatchObject({ status: 304, headers: { etag }, body: {} });
  });

  test('waits as long as asked', async () => {
    await call(handler, { method: 'GET', params, query: { waitSeconds: '30', code: 'a-key' } });

    expect(waits.at(-1)).toBe(30_000);
  });

  test.each(['0', '31', '-1', '1.5', 'x', ''])(
    'refuses to wait "%s" seconds',
    async (waitSeconds) => {
      const answer = await call(handler, { method: 'GET', params, query: { waitSeconds } });

      expect(answer.body).toMatchObject({
        status: 400,
        errors: [{ path: 'query.waitSeconds', message: 'must be a whole number from 1 to 30' }],
      });
    },
  );

  test('refuses a parameter that is given twice', async () => {
    const answer = await call(handler, {
      method: 'GET',
      params,
      search: '?waitSeconds=1&waitSeconds=2',
    });

    expect(answer.body).toMatchObject({
      status: 400,
      errors: [{ path: 'query.waitSeconds', message: 'is given more than once' }],
    });
  });

  test('answers 404 for a message that is not known', async () => {
    const answer = await call(handler, {
      method: 'GET',
      params: { ...params, messageId: 'never-sent' },
    });

    expect(answer).toMatchObject({ status: 404, body: { code: 'message-not-found' } });
  });
});

describe('GET /api/devices/{deviceId}/messages', () => {
  test('passes filters and page on and shows the items', async () => {
    const queries: ListQuery[] = [];
    const handler = withProblems(
      listMessagesRoute({
        list: async (query) => {
          queries.push(query);
          return { items: [aMessage()], continuationToken: 'next' };
        },
      }),
    );

    const answer = await call(handler, {
      method: 'GET',
      params: { deviceId: 'device-1' },
      query: { status: 'delivered', since: '2026-03-01T13:00:00+01:00', limit: '200' },
    });

    expect(queries).toEqual([
      { deviceId: 'device-1', status: 'delivered', since: NOON, limit: 200 },
    ]);
    expect(answer.body).toMatchObject({
      items: [{ messageId: 'message-1' }],
      continuationToken: 'next',
    });
  });

  test.each([
    ['status', 'lost'],
    ['limit', '0'],
    ['limit', '201'],
    ['since', 'yesterday'],
    ['continuationToken', ''],
  ])('refuses %s=%s', async (name, value) => {
    const handler = withProblems(listMessagesRoute({ list: async () => ({ items: [] }) }));

    const answer = await call(handler, {
      method: 'GET',
      params: { deviceId: 'device-1' },
      query: { [name]: value },
    });

    expect(answer.body).toMatchObject({ status: 400, errors: [{ path: `query.${name}` }] });
  });
});

describe('DELETE /api/devices/{deviceId}/messages', () => {
  test('says what was purged', async () => {
    const handler = withProblems(
      purgeMessagesRoute(async () => ({ purged: 3, deferredPurged: 0 })),
    );

    const answer = await call(handler, { method: 'DELETE', params: { deviceId: 'device-1' } });

    expect(answer).toMatchObject({ status: 200, body: { purged: 3, deferredPurged: 0 } });
  });
});

describe('devices', () => {
  const device: Device = {
    deviceId: 'device-1',
    status: 'enabled',
    connectionState: 'connected',
    queuedMessages: 2,
  };

  test('GET /api/devices/{deviceId} shows a device', async () => {
    const handler = withProblems(
      getDeviceRoute({ devices: { get: async () => device }, countDeferred: async () => 7 }),
    );

    const answer = await call(handler, { method: 'GET', params: { deviceId: 'device-1' } });

    expect(answer.body).toEqual({ ...device, lastActivityAt: null, deferredMessages: 7 });
  });

  test('GET /api/devices gives a page', async () => {
    const pages: unknown[] = [];
    const handler = withProblems(
      listDevicesRoute({
        devices: {
          list: async (page) => {
            pages.push(page);
            return { items: [{ ...device, lastActivityAt: NOON }] };
          },
        },
        countDeferred: async () => 7,
      }),
    );

    const answer = await call(handler, { method: 'GET', query: { continuationToken: 'x' } });

    expect(pages).toEqual([{ limit: 50, continuationToken: 'x' }]);
    expect(answer.body).toMatchObject({
      items: [{ lastActivityAt: '2026-03-01T12:00:00.000Z', deferredMessages: 7 }],
    });
  });
});

describe('health', () => {
  function setUp(feedback: () => Promise<FeedbackReport>) {
    const state = { now: NOON, probes: 0, storage: true };
    const check = healthChecks({
      now: () => state.now,
      checks: {
        hub: async () => {
          state.probes += 1;
          state.now += 20;
        },
        storage: async () => {
          if (!state.storage) throw new Error('away');
        },
      },
    });
    const routes = [getHealthRoute(check), getHealthDetailsRoute({ check, feedback })];
    const [short, details] = routes.map((route) => async () => {
      return call(withProblems(route), { method: 'GET' });
    });
    if (!short || !details) throw new Error('there are two');
    return { state, short, details };
  }
  const report: FeedbackReport = {
    state: 'silent',
    detail: 'Nothing comes.',
    lastFeedbackAt: NOON,
    overdueMessages: 4,
  };

  test('GET /api/health is cached for 5 seconds and tells what does not answer', async () => {
    const { state, short } = setUp(async () => report);

    const answers = await Promise.all([short(), short()]);
    state.storage = false;
    state.now += 5000;
    const later = await short();

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0]?.body).toEqual({ status: 'healthy', checks: { hub: 'ok', storage: 'ok' } });
    expect(state.probes).toBe(2);
    expect(later).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { status: 'unhealthy', checks: { hub: 'ok', storage: 'unavailable' } },
    });
  });

  test('GET /api/health/details adds latencies and how it is about the feedback', async () => {
    const { details } = setUp(async () => report);

    expect(await details()).toMatchObject({
      status: 200,
      body: {
        status: 'healthy',
        checks: { hub: { status: 'ok', latencyMs: 20 }, storage: { status: 'ok' } },
        feedback: { ...report, lastFeedbackAt: '2026-03-01T12:00:00.000Z' },
      },
    });
  });

  test('GET /api/health/details answers without storage, which keeps what is known of the feedback', async () => {
    const { details, state } = setUp(async () => {
      throw new DownlinkError('storage-unavailable', 'away');
    });
    state.storage = false;

    expect(await details()).toMatchObject({ status: 503, body: { feedback: null } });
  });
});

describe('an HTTP method that a path does not have', () => {
  test('is answered 405 with those it has', async () => {
    const handler = withProblems(methodNotAllowedRoute(['GET', 'POST']));

    const answer = await call(handler, { method: 'PUT' });

    expect(answer).toMatchObject({
      status: 405,
      headers: { allow: 'GET, POST' },
      body: { code: 'method-not-allowed' },
    });
  });
});
