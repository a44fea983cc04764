import type { DeviceIdentity } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { identityJson, parseIdentity } from './identity-json.ts';
import {
  json,
  NO_CONTENT,
  param,
  requiredIfMatch,
  type Route,
  type RouteAnswer,
  type RouteRequest,
} from './route.ts';

/** https://learn.microsoft.com/rest/api/iothub/service/devices/get-devices */
const MAX_LISTED = 1000;
const MAX_BODY_BYTES = 64 * 1024;

const shared = { errors: 'registry', maxBodyBytes: MAX_BODY_BYTES } as const;

export const identityRoutes: readonly Route[] = [
  {
    ...shared,
    method: 'GET',
    path: '/devices',
    right: 'devices/read',
    handle: ({ state, query }) => {
      const top = query.get('top') ?? String(MAX_LISTED);
      if (!/^\d+$/.test(top) || Number(top) < 1 || Number(top) > MAX_LISTED)
        throw new HubError('argumentInvalid', `top must be a whole number from 1 to ${MAX_LISTED}`);
      const listed = state.registry.list(Number(top));
      return json(
        200,
        listed.map((identity) => identityJson(state, identity)),
      );
    },
  },
  {
    ...shared,
    method: 'GET',
    path: '/devices/{deviceId}',
    right: 'devices/read',
    handle: (request) =>
      answer(request.state, request.state.registry.get(param(request, 'deviceId'))),
  },
  {
    ...shared,
    method: 'PUT',
    path: '/devices/{deviceId}',
    right: 'devices/write',
    handle: createOrUpdate,
  },
  {
    ...shared,
    method: 'DELETE',
    path: '/devices/{deviceId}',
    right: 'devices/delete',
    handle: (request) => {
      request.state.registry.delete(param(request, 'deviceId'), requiredIfMatch(request));
      return NO_CONTENT;
    },
  },
];

/** If-Match says that the device is there: without it the service creates and never changes one. */
function createOrUpdate(request: RouteRequest): RouteAnswer {
  const { state, headers } = request;
  const input = parseIdentity(request.body, param(request, 'deviceId'));
  const ifMatch = headers['if-match'];
  return answer(
    state,
    ifMatch === undefined ? state.registry.create(input) : state.registry.update(input, ifMatch),
  );
}

function answer(state: HubState, identity: DeviceIdentity): RouteAnswer {
  return json(200, identityJson(state, identity), { etag: `"${identity.etag}"` });
}
