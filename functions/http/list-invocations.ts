import * as z from 'zod';
import { INVOCATION_STATUSES } from '../methods/invocation.ts';
import type { InvocationStore } from '../methods/invocation-store.ts';
import {
  continuationTokenField,
  DEFAULT_LIST_LIMIT,
  deviceIdField,
  listLimitField,
  timeField,
} from './fields.ts';
import { invocationResource } from './invocation-resource.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const listInvocationsRequest = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField }),
  query: z.strictObject({
    status: z
      .enum(INVOCATION_STATUSES, `must be one of ${INVOCATION_STATUSES.join(', ')}`)
      .exactOptional(),
    since: timeField.exactOptional(),
    until: timeField.exactOptional(),
    limit: listLimitField.default(DEFAULT_LIST_LIMIT),
    continuationToken: continuationTokenField.exactOptional(),
  }),
  headers: z.strictObject({}),
});

/** `GET /api/devices/{deviceId}/invocations` */
export function listInvocationsRoute(store: Pick<InvocationStore, 'list'>): Route {
  return async (request) => {
    const { path, query } = parseRequest(listInvocationsRequest, requestParts(request));
    const page = await store.list({ ...path, ...query });
    const items = page.items.map((each) => invocationResource(each, { withPayload: false }));
    return { jsonBody: { ...page, items } };
  };
}
