import { deviceBoundMessage } from './device-bound-message.ts';
import { NO_CONTENT, param, type Route, type RouteRequest } from './route.ts';

const shared = { right: 'deviceConnect', errors: 'registry', maxBodyBytes: 1024 } as const;
const PATH = '/devices/{deviceId}/messages/devicebound';

/** https://learn.microsoft.com/rest/api/iothub/device/receive-device-bound-notification and its neighbours. */
export const deviceBoundRoutes: readonly Route[] = [
  {
    ...shared,
    method: 'GET',
    path: PATH,
    handle: ({ state, ...request }) => {
      const delivery = state.cloudToDevice.receive(param(request, 'deviceId'));
      return delivery === undefined
        ? NO_CONTENT
        : deviceBoundMessage(delivery, state.settings.cloudToDevice.defaultTtlMs);
    },
  },
  {
    ...shared,
    method: 'DELETE',
    path: `${PATH}/{lockToken}`,
    handle: (request) => {
      const { cloudToDevice } = request.state;
      if (request.query.has('reject')) cloudToDevice.reject(...lockOf(request));
      else cloudToDevice.complete(...lockOf(request));
      return NO_CONTENT;
    },
  },
  {
    ...shared,
    method: 'POST',
    path: `${PATH}/{lockToken}/abandon`,
    handle: (request) => {
      request.state.cloudToDevice.abandon(...lockOf(request));
      return NO_CONTENT;
    },
  },
];

function lockOf(request: RouteRequest): [deviceId: string, lockToken: string] {
  return [param(request, 'deviceId'), param(request, 'lockToken')];
}
