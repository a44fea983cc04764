import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import { logLine } from '../log-line.ts';
import type { SendMessageRequest, SentMessage } from '../messages/new-message.ts';
import type { Warn } from '../messages/send-message.ts';
import { deviceIdField, idempotencyKeyField } from './fields.ts';
import { idOfKey } from './id-of-key.ts';
import { sendMessageFields } from './message-fields.ts';
import { messageLocation, messageResource } from './message-resource.ts';
import { parseRequest, requestParts } from './parse-request.ts';
import { readJson } from './read-json.ts';
import type { Route, RouteResponse } from './route.ts';
import { traceParentOf } from './trace-parent.ts';

/** 64 KB of body may take six times as much as JSON text with every character escaped. */
export const MESSAGE_BODY_LIMIT = { maxBytes: 512 * 1024, code: 'message-too-large' } as const;

const IDEMPOTENCY_KEY = 'idempotency-key';

export const sendMessageRequest = z
  .strictObject({
    path: z.strictObject({ deviceId: deviceIdField }),
    query: z.strictObject({
      dispatch: z.literal('queued', "must be 'queued', or left out").optional(),
    }),
    headers: z.strictObject({
      [IDEMPOTENCY_KEY]: idempotencyKeyField.optional(),
    }),
    body: sendMessageFields,
  })
  .superRefine(({ headers, body }, context) => {
    if (headers[IDEMPOTENCY_KEY] === undefined || body.messageId === undefined) return;
    const message = 'cannot stand beside body.messageId: the id is derived from the key';
    context.addIssue({ code: 'custom', path: ['headers', IDEMPOTENCY_KEY], message });
  });

/** `POST /api/devices/{deviceId}/messages` */
export function sendMessageRoute(dependencies: {
  send: (request: SendMessageRequest, warn: Warn) => Promise<SentMessage>;
  /** Takes the message over, to be handed to the hub when its turn has come. */
  queue: (request: SendMessageRequest, warn: Warn) => Promise<SentMessage>;
  newMessageId: () => string;
  /** Whether the app reads what devices send. */
  receivesReceipts: boolean;
}): Route {
  return async (request, context) => {
    const warn: Warn = (event, error) =>
      context.warn(logLine(event, { error: error instanceof Error ? error.message : 'unknown' }));
    const body = await readJson(request, MESSAGE_BODY_LIMIT);
    const parts = requestParts(request, { headers: [IDEMPOTENCY_KEY], body });
    const { path, query, headers, body: fields } = parseRequest(sendMessageRequest, parts);
    if (fields.awaitReceiptSeconds !== undefined && !dependencies.receivesReceipts)
      throw noReceipts();
    const key = headers[IDEMPOTENCY_KEY];
    const messageId =
      fields.messageId ??
      (key === undefined ? dependencies.newMessageId() : idOfKey(path.deviceId, key));
    const traceParent = traceParentOf(request);
    const message = {
      ...fields,
      deviceId: path.deviceId,
      messageId,
      ...(traceParent !== undefined && { traceParent }),
    };
    const { send, queue } = dependencies;
    return answer(await (query.dispatch === 'queued' ? queue : send)(message, warn));
  };
}

function noReceipts(): DownlinkError {
  return new DownlinkError(
    'invalid-request',
    'This app does not read what devices send, so no receipt can be waited for. Leave out awaitReceiptSeconds, or set DOWNLINK_EVENT_HUB.',
    {
      faults: [{ path: 'body.awaitReceiptSeconds', message: 'must be 0: receipts are not set up' }],
    },
  );
}

function answer({ message, replayed }: SentMessage): RouteResponse {
  // A repeat that comes while the first is still being handed over sees the work accepted, not its result.
  const pending = message.status === 'accepted';
  return {
    status: replayed && !pending ? 200 : 202,
    headers: {
      location: messageLocation(message),
      ...(replayed && { 'idempotent-replayed': 'true' }),
    },
    jsonBody: messageResource(message),
  };
}
