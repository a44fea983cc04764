import { z } from 'zod';
import { type Twin, type TwinChange, twinETag } from '../state/twins.ts';
import { twinJson } from './identity-json.ts';
import { parseJsonBody } from './json-body.ts';
import { identityKeyIn, json, type Route, type RouteAnswer, type RouteRequest } from './route.ts';
import { twinKeyIn } from './twin-key.ts';

/** Room for tags and properties of the largest size and the JSON around them. */
const MAX_BODY_BYTES = 256 * 1024;

const PATHS = ['/twins/{deviceId}', '/twins/{deviceId}/modules/{moduleId}'];

const shared = {
  errors: 'device',
  maxBodyBytes: MAX_BODY_BYTES,
} as const;

const section = z.record(z.string(), z.unknown()).nullish();
/** The rest of a twin, reported properties included, is not the back end's to write: it is passed over. */
const changeSchema = z.object({
  tags: section,
  properties: z.object({ desired: section }).nullish(),
});

/** https://learn.microsoft.com/rest/api/iothub/service/devices/get-twin and its neighbours, also for modules. */
export const twinRoutes: readonly Route[] = PATHS.flatMap((path): Route[] => [
  {
    ...shared,
    path,
    method: 'GET',
    right: 'twins/read',
    handle: (request) => answer(request, request.state.twins.get(twinKeyIn(request))),
  },
  {
    ...shared,
    path,
    method: 'PATCH',
    right: 'twins/write',
    handle: (request) =>
      afterLatency(request, () => request.state.twins.patch(...changeOf(request))),
  },
  {
    ...shared,
    path,
    method: 'PUT',
    right: 'twins/write',
    handle: (request) =>
      afterLatency(request, () => request.state.twins.replace(...changeOf(request))),
  },
]);

/** The change goes on without its caller. */
function afterLatency(
  request: RouteRequest,
  change: () => Twin,
): RouteAnswer | Promise<RouteAnswer> {
  const { clock, settings } = request.state;
  const { changeLatencyMs } = settings.twins;
  if (changeLatencyMs === 0) return answer(request, change());
  return new Promise((resolve, reject) => {
    clock.schedule(clock.now() + changeLatencyMs, () => {
      try {
        resolve(answer(request, change()));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

function changeOf(
  request: RouteRequest,
): [key: string, change: TwinChange, ifMatch: string | undefined] {
  const { tags, properties } = parseJsonBody(request.body, changeSchema);
  return [twinKeyIn(request), { tags, desired: properties?.desired }, request.headers['if-match']];
}

function answer(request: RouteRequest, twin: Twin): RouteAnswer {
  const identity = request.state.registry.get(identityKeyIn(request));
  return json(200, twinJson(request.state, identity), { etag: `"${twinETag(twin)}"` });
}
