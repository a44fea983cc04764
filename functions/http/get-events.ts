import * as z from 'zod';
import type { FollowedEvents } from '../event-log/follow-events.ts';
import type { StatusEvent } from '../event-log/status-event.ts';
import { continuationTokenField, deviceIdField, wholeNumberField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route, RouteResponse } from './route.ts';

/** How long an EventSource waits before it comes back, in milliseconds. */
const RECONNECT_MS = 500;
export const MAX_EVENT_WAIT_SECONDS = 25;

const LAST_EVENT_ID = 'last-event-id';

export const getEventsRequest = z.strictObject({
  path: z.strictObject({}),
  query: z.strictObject({
    deviceId: deviceIdField.optional(),
    after: continuationTokenField.optional(),
    waitSeconds: wholeNumberField({ min: 0, max: MAX_EVENT_WAIT_SECONDS }).optional(),
  }),
  headers: z.strictObject({
    accept: z.string().optional(),
    [LAST_EVENT_ID]: continuationTokenField.optional(),
  }),
});

/**
 * `GET /api/events`, as JSON or as server-sent events. Both end with the first events or with the wait, so neither
 * needs the streams of the Functions runtime (they would open a port of the worker's to everybody who can reach it)
 * and no instance is held open: an EventSource comes back by itself, with the cursor.
 */
export function getEventsRoute(dependencies: {
  follow: (
    from: { deviceId: string | undefined; after: { text: string; path: string } | undefined },
    waitMs: number,
  ) => Promise<FollowedEvents>;
}): Route {
  return async (request) => {
    const parts = requestParts(request, { headers: ['accept', LAST_EVENT_ID] });
    const { query, headers } = parseRequest(getEventsRequest, parts);
    const isStream = acceptsEventStream(headers.accept);
    // An EventSource repeats its address as it was: what it has got since stands in the header.
    const after =
      headers[LAST_EVENT_ID] === undefined
        ? query.after !== undefined && { text: query.after, path: 'query.after' }
        : { text: headers[LAST_EVENT_ID], path: `headers.${LAST_EVENT_ID}` };
    const waitSeconds = query.waitSeconds ?? (isStream ? MAX_EVENT_WAIT_SECONDS : 0);
    const followed = await dependencies.follow(
      { deviceId: query.deviceId, after: after || undefined },
      waitSeconds * 1000,
    );
    return isStream ? eventStream(followed) : json(followed);
  };
}

function json({ events, cursor }: FollowedEvents): RouteResponse {
  return {
    headers: { 'cache-control': 'no-store' },
    jsonBody: { items: events.map(eventResource), cursor },
  };
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
function eventStream({ events, cursor, startedAt }: FollowedEvents): RouteResponse {
  // Whoever loses the connection before the last of them gets all of them again.
  const blocks = events.map((event, index) =>
    [
      `id: ${index === events.length - 1 ? cursor : startedAt}`,
      `data: ${JSON.stringify(eventResource(event))}`,
    ].join('\n'),
  );
  // An id without data moves the cursor on and calls nobody.
  const all = [`retry: ${RECONNECT_MS}`, ...(blocks.length > 0 ? blocks : [`id: ${cursor}`])];
  return {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    body: `${all.join('\n\n')}\n\n`,
  };
}

function eventResource(event: StatusEvent): Record<string, unknown> {
  const { id, at, deviceId, messageId, invocationId, status, final, attempt, detail } = event;
  return {
    id,
    at: new Date(at).toISOString(),
    deviceId,
    ...(messageId !== undefined && { messageId }),
    ...(invocationId !== undefined && { invocationId }),
    status,
    final,
    attempt,
    ...(detail !== undefined && { detail }),
  };
}

/** What is listed before JSON or instead of it; weights are not looked at. */
function acceptsEventStream(accept: string | undefined): boolean {
  const types = (accept ?? '')
    .split(',')
    .map((each) => each.split(';', 1)[0]?.trim().toLowerCase());
  const stream = types.indexOf('text/event-stream');
  const jsonAt = types.indexOf('application/json');
  return stream !== -1 && (jsonAt === -1 || stream < jsonAt);
}
