import * as z from 'zod';
import type { DeviceDirectory } from '../devices/device.ts';
import { deviceResource } from './device-resource.ts';
import { continuationTokenField, DEFAULT_LIST_LIMIT, listLimitField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

const requestSchema = z.strictObject({
  path: z.strictObject({}),
  query: z.strictObject({
    limit: listLimitField.optional(),
    continuationToken: continuationTokenField.optional(),
  }),
  headers: z.strictObject({}),
});

/** `GET /api/devices` */
export function listDevicesRoute(devices: Pick<DeviceDirectory, 'list'>): Route {
  return async (request) => {
    const { query } = parseRequest(requestSchema, requestParts(request));
    const { limit = DEFAULT_LIST_LIMIT, continuationToken } = query;
    const page = await devices.list({
      limit,
      ...(continuationToken !== undefined && { continuationToken }),
    });
    return { jsonBody: { ...page, items: page.items.map(deviceResource) } };
  };
}
