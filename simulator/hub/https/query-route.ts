import { z } from 'zod';
import { parseQuery } from '../query/parse-query.ts';
import { BEGINNING, queryPage, type Placed, type Progress } from '../query/query-page.ts';
import type { Collection, Query } from '../query/syntax.ts';
import { wantedDevices } from '../query/wanted-devices.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { twinJson } from './identity-json.ts';
import { parseJsonBody } from './json-body.ts';
import { json, type Route, type RouteAnswer, type RouteRequest } from './route.ts';

const MAX_PAGE = 1000;
const MAX_BODY_BYTES = 64 * 1024;

const querySchema = z.object({ query: z.string() });

/** https://learn.microsoft.com/rest/api/iothub/service/query/get-twins */
export const queryRoute: Route = {
  method: 'POST',
  path: '/devices/query',
  right: 'twins/read',
  errors: 'registry',
  maxBodyBytes: MAX_BODY_BYTES,
  handle: runQuery,
};

function runQuery({ state, headers, body }: RouteRequest): RouteAnswer {
  const query = parseQuery(parseJsonBody(body, querySchema).query);
  const { rows, next } = queryPage(
    query,
    (ordinal) => twinsAfter(state, query, ordinal),
    pageSize(headers['x-ms-max-item-count']),
    parseContinuation(headers['x-ms-continuation'], query.from),
  );
  return json(200, rows, {
    'x-ms-item-type': query.select ? 'Raw' : 'Twin',
    ...(next && { 'x-ms-continuation': continuation(next, query.from) }),
  });
}

function* twinsAfter(state: HubState, query: Query, after: number): Generator<Placed> {
  const { registry } = state;
  const deviceIds = wantedDevices(query.where);
  const placed = deviceIds
    ? registry.ofDevicesAfter(query.from, after, deviceIds)
    : registry.after(query.from, after);
  for (const { ordinal, identity } of placed)
    yield { ordinal, document: twinJson(state, identity) };
}

function pageSize(header: string | string[] | undefined): number {
  // The service SDK sends the header without a value if it was given no page size.
  if (header === undefined || header === '') return MAX_PAGE;
  const size = Number(header);
  if (Number.isSafeInteger(size) && size >= 1) return Math.min(size, MAX_PAGE);
  throw new HubError('argumentInvalid', 'x-ms-max-item-count must be a whole number above 0');
}

function continuation({ after, given }: Progress, from: Collection): string {
  return Buffer.from(`${from}:${after}:${given}`).toString('base64url');
}

function parseContinuation(header: string | string[] | undefined, from: Collection): Progress {
  if (header === undefined || header === '') return BEGINNING;
  const text = Buffer.from(String(header), 'base64url').toString();
  const [, collection, after, given] = /^([a-z.]+):(\d{1,15}):(\d{1,15})$/.exec(text) ?? [];
  if (collection !== from)
    throw new HubError('argumentInvalid', 'x-ms-continuation is not a token of this query');
  return { after: Number(after), given: Number(given) };
}
