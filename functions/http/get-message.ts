import { createHash } from 'node:crypto';
import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import type { Message } from '../messages/message.ts';
import type { MessageKey } from '../messages/message-store.ts';
import { deviceIdField, messageIdField, resourceWaitField } from './fields.ts';
import { messageResource } from './message-resource.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

export const getMessageRequest = z.strictObject({
  path: z.strictObject({ deviceId: deviceIdField, messageId: messageIdField }),
  query: z.strictObject({ waitSeconds: resourceWaitField.optional() }),
  headers: z.strictObject({ 'if-none-match': z.string().optional() }),
});

/** `GET /api/devices/{deviceId}/messages/{messageId}` */
export function getMessageRoute(dependencies: {
  wait: (key: MessageKey, waitMs: number) => Promise<Message | undefined>;
}): Route {
  return async (request) => {
    const parts = requestParts(request, { headers: ['if-none-match'] });
    const { path, query, headers } = parseRequest(getMessageRequest, parts);
    const message = await dependencies.wait(path, (query.waitSeconds ?? 0) * 1000);
    if (!message) throw notFound(path);
    const resource = messageResource(message);
    const etag = etagOf(resource);
    if (matches(headers['if-none-match'], etag)) return { status: 304, headers: { etag } };
    return { status: 200, headers: { etag }, jsonBody: resource };
  };
}

function etagOf(resource: Record<string, unknown>): string {
  return `"${createHash('sha256').update(JSON.stringify(resource)).digest('base64url').slice(0, 22)}"`;
}

/** RFC 9110 §13.1.2: weak comparison, a list, or any. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = new Set(ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, '')));
  return tags.has('*') || tags.has(etag);
}

function notFound({ deviceId, messageId }: MessageKey): DownlinkError {
  return new DownlinkError(
    'message-not-found',
    `No message '${messageId}' was sent to device '${deviceId}', or it is older than messages are kept.`,
  );
}
