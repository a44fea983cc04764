import { z } from 'zod';
import { HubError } from '../state/hub-error.ts';
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
  const { query } = parseJsonBody(body, querySchema);
  const source = /^\s*select\s+\*\s+from\s+(devices|devices\.modules)\s*$/i.exec(query)?.[1];
  if (source === undefined) {
    throw new HubError(
      'argumentInvalid',
      'The simulated hub knows the queries SELECT * FROM devices and SELECT * FROM devices.modules only so far',
    );
  }
  const request = {
    max: pageSize(headers['x-ms-max-item-count']),
    after: parseContinuation(headers['x-ms-continuation']),
  };
  const { registry } = state;
  const isOfDevices = source.toLowerCase() === 'devices';
  const page = isOfDevices ? registry.page(request) : registry.pageOfModules(request);
  return json(
    200,
    page.items.map((identity) => twinJson(state, identity)),
    {
      'x-ms-item-type': 'Twin',
      ...(page.after !== undefined && { 'x-ms-continuation': continuation(page.after) }),
    },
  );
}

function pageSize(header: string | string[] | undefined): number {
  // The service SDK sends the header without a value if it was given no page size.
  if (header === undefined || header === '') return MAX_PAGE;
  const size = Number(header);
  if (Number.isSafeInteger(size) && size >= 1) return Math.min(size, MAX_PAGE);
  throw new HubError('argumentInvalid', 'x-ms-max-item-count must be a whole number above 0');
}

function continuation(after: number): string {
  return Buffer.from(`devices:${after}`).toString('base64url');
}

function parseContinuation(header: string | string[] | undefined): number {
  if (header === undefined || header === '') return 0;
  const after = /^devices:(\d{1,15})$/.exec(
    Buffer.from(String(header), 'base64url').toString(),
  )?.[1];
  if (after === undefined)
    throw new HubError('argumentInvalid', 'x-ms-continuation is not a token of this hub');
  return Number(after);
}
