import pMap from 'p-map';
import * as z from 'zod';
import type { DeviceDirectory } from '../devices/device.ts';
import { deviceResource } from './device-resource.ts';
import { continuationTokenField, DEFAULT_LIST_LIMIT, listLimitField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const listDevicesRequest = z.strictObject({
  path: z.strictObject({}),
  query: z.strictObject({
    limit: listLimitField.optional(),
    continuationToken: continuationTokenField.optional(),
  }),
  headers: z.strictObject({}),
});

/** Backlogs counted at the same time. */
const IN_FLIGHT = 16;

/** `GET /api/devices` */
export function listDevicesRoute({
  devices,
  countDeferred,
}: {
  devices: Pick<DeviceDirectory, 'list'>;
  countDeferred: (deviceId: string) => Promise<number>;
}): Route {
  return async (request) => {
    const { query } = parseRequest(listDevicesRequest, requestParts(request));
    const { limit = DEFAULT_LIST_LIMIT, continuationToken } = query;
    const page = await devices.list({
      limit,
      ...(continuationToken !== undefined && { continuationToken }),
    });
    const items = await pMap(
      page.items,
      async (device) => deviceResource(device, await countDeferred(device.deviceId)),
      { concurrency: IN_FLIGHT },
    );
    return { jsonBody: { ...page, items } };
  };
}
