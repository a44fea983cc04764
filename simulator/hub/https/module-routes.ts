import type { DeviceIdentity } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { moduleJson, parseModule } from './module-json.ts';
import {
  identityKeyIn,
  json,
  NO_CONTENT,
  param,
  requiredIfMatch,
  type Route,
  type RouteAnswer,
  type RouteRequest,
} from './route.ts';

const PATH = '/devices/{deviceId}/modules';
const MAX_BODY_BYTES = 64 * 1024;

const shared = { errors: 'module', maxBodyBytes: MAX_BODY_BYTES } as const;

/** https://learn.microsoft.com/rest/api/iothub/service/modules */
export const moduleRoutes: readonly Route[] = [
  {
    ...shared,
    method: 'GET',
    path: PATH,
    right: 'devices/read',
    handle: (request) => {
      const { registry } = request.state;
      const modules = registry.modulesOf(deviceIdOf(request));
      return json(
        200,
        modules.map((module) => moduleJson(request.state, module)),
      );
    },
  },
  {
    ...shared,
    method: 'GET',
    path: `${PATH}/{moduleId}`,
    right: 'devices/read',
    handle: (request) => {
      deviceIdOf(request);
      return answer(request.state, request.state.registry.get(identityKeyIn(request)));
    },
  },
  {
    ...shared,
    method: 'PUT',
    path: `${PATH}/{moduleId}`,
    right: 'devices/write',
    handle: createOrUpdate,
  },
  {
    ...shared,
    method: 'DELETE',
    path: `${PATH}/{moduleId}`,
    right: 'devices/delete',
    handle: (request) => {
      deviceIdOf(request);
      request.state.registry.delete(identityKeyIn(request), requiredIfMatch(request));
      return NO_CONTENT;
    },
  },
];

/** As for devices: If-Match says that the module is there. */
function createOrUpdate(request: RouteRequest): RouteAnswer {
  const { state, headers } = request;
  const moduleId = param(request, 'moduleId');
  const input = parseModule(request.body, { deviceId: deviceIdOf(request), moduleId });
  const ifMatch = headers['if-match'];
  return answer(
    state,
    ifMatch === undefined ? state.registry.create(input) : state.registry.update(input, ifMatch),
  );
}

/** Of a device that is not there the service tells holders of a shared key that they have no access to it. */
function deviceIdOf(request: RouteRequest): string {
  const deviceId = param(request, 'deviceId');
  if (request.state.registry.find(deviceId)) return deviceId;
  const isSharedKey = request.headers.authorization?.startsWith('SharedAccessSignature ');
  throw new HubError(
    isSharedKey ? 'unauthorized' : 'deviceNotFound',
    `The device '${deviceId}' is not registered`,
  );
}

function answer(state: HubState, module: DeviceIdentity): RouteAnswer {
  return json(200, moduleJson(state, module), { etag: `"${module.etag}"` });
}
