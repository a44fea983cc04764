import { json, param, type Route } from './route.ts';

/** https://learn.microsoft.com/rest/api/iothub/service/cloud-to-device-messages/purge-cloud-to-device-message-queue */
export const purgeRoute: Route = {
  method: 'DELETE',
  path: '/devices/{deviceId}/commands',
  right: 'cloudToDeviceMessages/queue/purge/action',
  errors: 'registry',
  maxBodyBytes: 0,
  handle: (request) => {
    const deviceId = param(request, 'deviceId');
    const totalMessagesPurged = request.state.cloudToDevice.purge(deviceId);
    return json(200, { totalMessagesPurged, deviceId, moduleId: null });
  },
};
