import * as z from 'zod';
import type { DeviceDirectory } from '../devices/device.ts';
import { deviceResource } from './device-resource.ts';
import { deviceIdField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const getDeviceRequest = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField }),
  query: z.strictObject({}),
  headers: z.strictObject({}),
});

/** `GET /api/devices/{deviceId}` */
export function getDeviceRoute({
  devices,
  countDeferred,
}: {
  devices: Pick<DeviceDirectory, 'get'>;
  countDeferred: (deviceId: string) => Promise<number>;
}): Route {
  return async (request) => {
    const { path } = parseRequest(getDeviceRequest, requestParts(request));
    const [device, deferred] = await Promise.all([
      devices.get(path.deviceId),
      countDeferred(path.deviceId),
    ]);
    return { jsonBody: deviceResource(device, deferred) };
  };
}
