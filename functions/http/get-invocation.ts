import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import type { Invocation } from '../methods/invocation.ts';
import type { InvocationKey } from '../methods/invocation-store.ts';
import { deviceIdField, invocationIdField, resourceWaitField } from './fields.ts';
import { invocationResource } from './invocation-resource.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const getInvocationRequest = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField, invocationId: invocationIdField }),
  query: z.strictObject({ waitSeconds: resourceWaitField.optional() }),
  headers: z.strictObject({}),
});

/** `GET /api/devices/{deviceId}/invocations/{invocationId}` */
export function getInvocationRoute(dependencies: {
  wait: (key: InvocationKey, waitMs: number) => Promise<Invocation | undefined>;
}): Route {
  return async (request) => {
    const { path, query } = parseRequest(getInvocationRequest, requestParts(request));
    const invocation = await dependencies.wait(path, (query.waitSeconds ?? 0) * 1000);
    if (!invocation) throw notFound(path);
    return { jsonBody: invocationResource(invocation) };
  };
}

function notFound({ deviceId, invocationId }: InvocationKey): DownlinkError {
  return new DownlinkError(
    'invocation-not-found',
    `No invocation '${invocationId}' was made on device '${deviceId}', or it is older than invocations are kept.`,
  );
}
