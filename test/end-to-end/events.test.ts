import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Stack } from '../support/stack.ts';

interface Event {
  readonly id: string;
  readonly messageId: string;
  readonly status: string;
}

describe('events of the deployed bundle', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await Stack.start();
  });
  afterAll(async () => {
    await stack.stop();
  });

  test('a long poll is answered by what happens, and its cursor goes on from there', async () => {
    const start = await stack.call('GET', '/api/events');
    const route = (cursor: unknown, waitSeconds: number) =>
      `/api/events?after=${encodeURIComponent(String(cursor))}&waitSeconds=${waitSeconds}`;
    const waiting = stack.call('GET', route(start.body['cursor'], 25));
    await stack.call('POST', '/api/devices/device-2/messages', { json: { messageId: 'm-1' } });
    const first = await waiting;
    await stack.call('DELETE', '/api/devices/device-2/messages');
    const seen = first.body['items'] as Event[];
    let { cursor } = first.body;
    while (seen.at(-1)?.status !== 'purged') {
      const next = await stack.call('GET', route(cursor, 25));
      expect(next.body['items']).not.toEqual([]);
      seen.push(...(next.body['items'] as Event[]));
      ({ cursor } = next.body);
    }

    expect(start.body['items']).toEqual([]);
    expect(seen.map(({ messageId, status }) => `${messageId} ${status}`)).toEqual([
      'm-1 accepted',
      'm-1 enqueued',
      'm-1 purged',
    ]);
  });

  test('an event stream resumes by Last-Event-ID as an EventSource does', async () => {
    const stream = async (lastEventId?: string) => {
      const response = await fetch(`${stack.app.url}/api/events?deviceId=device-1&waitSeconds=2`, {
        headers: {
          'x-functions-key': 'local-development-key',
          accept: 'text/event-stream',
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        },
      });
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      const text = await response.text();
      return {
        id: [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1],
        events: [...text.matchAll(/^data: (.*)$/gm)].map(
          ([, data = '']) => JSON.parse(data) as Event,
        ),
      };
    };
    const opening = stream();
    await stack.call('POST', '/api/devices/device-1/messages', { json: { messageId: 's-1' } });
    const opened = await opening;
    await stack.call('POST', '/api/devices/device-1/messages', { json: { messageId: 's-2' } });
    const resumed = await stream(opened.id);

    const ids = [...opened.events, ...resumed.events].map(({ messageId }) => messageId);
    expect(ids).toContain('s-2');
    expect(resumed.events.at(-1)).toMatchObject({ messageId: 's-2' });
  });
});
