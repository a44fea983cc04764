import * as z from 'zod';
import { MESSAGE_STATUSES } from '../messages/message.ts';
import type { MessageStore } from '../messages/message-store.ts';
import {
  continuationTokenField,
  DEFAULT_LIST_LIMIT,
  deviceIdField,
  listLimitField,
  timeField,
} from './fields.ts';
import { messageResource } from './message-resource.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const listMessagesRequest = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField }),
  query: z.strictObject({
    status: z.enum(MESSAGE_STATUSES, `must be one of ${MESSAGE_STATUSES.join(', ')}`).optional(),
    since: timeField.optional(),
    until: timeField.optional(),
    limit: listLimitField.optional(),
    continuationToken: continuationTokenField.optional(),
  }),
  headers: z.strictObject({}),
});

/** `GET /api/devices/{deviceId}/messages` */
export function listMessagesRoute(store: Pick<MessageStore, 'list'>): Route {
  return async (request) => {
    const { path, query } = parseRequest(listMessagesRequest, requestParts(request));
    const { limit = DEFAULT_LIST_LIMIT, status, since, until, continuationToken } = query;
    const page = await store.list({
      deviceId: path.deviceId,
      limit,
      ...(status !== undefined && { status }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(continuationToken !== undefined && { continuationToken }),
    });
    return { jsonBody: { ...page, items: page.items.map(messageResource) } };
  };
}
