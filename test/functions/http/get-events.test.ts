import { describe, expect, test } from '@jest/globals';
import { InvocationContext, HttpRequest } from '@azure/functions';
import type { HttpResponseInit } from '@azure/functions';
import { getEventsRoute } from '../../../functions/http/get-events.ts';
import { withProblems } from '../../../functions/http/with-problems.ts';
import type { StatusEvent } from '../../../functions/event-log/status-event.ts';

const EVENT: StatusEvent = {
  id: 'e-1',
  deviceId: 'device-1',
  messageId: 'message-1',
  status: 'delivered',
  final: true,
  at: Date.parse('2026-03-01T12:00:00Z'),
  detail: 'two\nlines',
  attempt: 1,
  recordedAt: 1,
  createdAt: 0,
};

function setUp(events: readonly StatusEvent[]) {
  const asked: unknown[] = [];
  const handler = withProblems(
    getEventsRoute({
      follow: async (from, waitMs) => {
        asked.push({ ...from, waitMs });
        return { events, cursor: 'c-2', startedAt: 'c-1' };
      },
    }),
  );
  const get = async (search: string, headers: Record<string, string> = {}) => {
    const request = new HttpRequest({
      method: 'GET',
      url: `http://localhost/api/events${search}`,
      headers,
    });
    const context = new InvocationContext({ functionName: 'test', logHandler: () => undefined });
    return (await handler(request, context)) as HttpResponseInit;
  };
  return { get, asked };
}

describe('GET /api/events', () => {
  test('answers JSON with the cursor', async () => {
    const { get, asked } = setUp([EVENT]);

    const { jsonBody } = await get('?deviceId=device-1&after=c-1&waitSeconds=25');

    expect(asked).toEqual([
      { deviceId: 'device-1', after: { text: 'c-1', path: 'query.after' }, waitMs: 25_000 },
    ]);
    expect(jsonBody).toEqual({
      items: [
        {
          id: 'e-1',
          at: '2026-03-01T12:00:00.000Z',
          deviceId: 'device-1',
          messageId: 'message-1',
          status: 'delivered',
          final: true,
          attempt: 1,
          detail: 'two\nlines',
        },
      ],
      cursor: 'c-2',
    });
  });

  test('answers server-sent events; only the last of them moves the cursor on', async () => {
    const { get, asked } = setUp([EVENT, { ...EVENT, id: 'e-2' }]);

    const { headers, body } = await get('', { accept: 'text/event-stream' });

    expect(asked).toEqual([{ deviceId: undefined, after: undefined, waitMs: 25_000 }]);
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream' });
    const blocks = (body as string).split('\n\n');
    expect(blocks).toEqual([
      'retry: 500',
      expect.stringMatching(/^id: c-1\ndata: \{"id":"e-1",.*two\\nlines"\}$/),
      expect.stringMatching(/^id: c-2\ndata: \{"id":"e-2",/),
      '',
    ]);
  });

  test('a stream without events still moves the cursor on', async () => {
    const { get } = setUp([]);

    const { body } = await get('?waitSeconds=0', { accept: 'text/event-stream' });

    expect(body).toBe('retry: 500\n\nid: c-2\n\n');
  });

  test('Last-Event-ID wins over the cursor of the address', async () => {
    const { get, asked } = setUp([]);

    await get('?after=c-0&waitSeconds=1', { accept: 'text/event-stream', 'last-event-id': 'c-1' });

    expect(asked).toMatchObject([{ after: { text: 'c-1', path: 'headers.last-event-id' } }]);
  });

  test.each(['*/*', 'application/json, text/event-stream', 'text/html'])(
    'answers JSON to Accept: %s',
    async (accept) => {
      expect((await setUp([]).get('', { accept })).jsonBody).toEqual({ items: [], cursor: 'c-2' });
    },
  );

  test.each(['?waitSeconds=26', '?deviceId=a/b', '?after=', '?since=1'])(
    'refuses %s',
    async (search) => {
      expect(await setUp([]).get(search)).toMatchObject({ status: 400 });
    },
  );
});
