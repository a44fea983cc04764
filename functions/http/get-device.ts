import * as z from 'zod';
import type { DeviceDirectory } from '../devices/device.ts';
import { deviceResource } from './device-resource.ts';
import { deviceIdField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

const requestSchema = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField }),
  query: z.strictObject({}),
  headers: z.strictObject({}),
});

/** `GET /api/devices/{deviceId}` */
export function getDeviceRoute(devices: Pick<DeviceDirectory, 'get'>): Route {
  return async (request) => {
    const { path } = parseRequest(requestSchema, requestParts(request));
    return { jsonBody: deviceResource(await devices.get(path.deviceId)) };
  };
}
