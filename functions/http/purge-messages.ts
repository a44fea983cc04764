import * as z from 'zod';
import type { Purged } from '../messages/purge-messages.ts';
import { deviceIdField } from './fields.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const purgeMessagesRequest = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField }),
  query: z.strictObject({}),
  headers: z.strictObject({}),
});

/** `DELETE /api/devices/{deviceId}/messages` */
export function purgeMessagesRoute(purge: (deviceId: string) => Promise<Purged>): Route {
  return async (request) => {
    const { path } = parseRequest(purgeMessagesRequest, requestParts(request));
    return { jsonBody: await purge(path.deviceId) };
  };
}
