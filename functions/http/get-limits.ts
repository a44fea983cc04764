import { DEFAULT_TTL_SECONDS, MAX_MESSAGE_BYTES, MAX_TTL_SECONDS } from '../messages/message.ts';
import {
  CONNECT_TIMEOUT_SECONDS,
  MAX_METHOD_PAYLOAD_BYTES,
  RESPONSE_TIMEOUT_SECONDS,
} from '../methods/method.ts';
import { DEFAULT_LIST_LIMIT, MAX_LIST_LIMIT, MAX_RESOURCE_WAIT_SECONDS } from './fields.ts';
import { MAX_EVENT_WAIT_SECONDS } from './get-events.ts';
import { CALL_BODY_LIMIT, MAX_CALL_SECONDS } from './invoke-method.ts';
import { NO_PARAMETERS, parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';
import { MESSAGE_BODY_LIMIT } from './send-message.ts';

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d */
const MAX_QUEUED_PER_DEVICE = 50;

/** `GET /api/limits`: what the code itself goes by. */
export function getLimitsRoute(settings: {
  handOverSeconds: number;
  feedbackTtlSeconds: number;
  retentionDays: number;
  /** Undefined: only the hub itself throttles. */
  queuedSendsPerSecond: number | undefined;
}): Route {
  const {
    handOverSeconds,
    queuedSendsPerSecond = null,
    feedbackTtlSeconds,
    retentionDays,
  } = settings;
  const limits = {
    messages: {
      maxBytes: MAX_MESSAGE_BYTES,
      maxRequestBytes: MESSAGE_BODY_LIMIT.maxBytes,
      ttlSeconds: { min: 1, max: MAX_TTL_SECONDS, default: DEFAULT_TTL_SECONDS },
      handOverSeconds,
      maxQueuedPerDevice: MAX_QUEUED_PER_DEVICE,
      queuedSendsPerSecond,
      maxWaitSeconds: MAX_RESOURCE_WAIT_SECONDS,
    },
    methods: {
      maxPayloadBytes: MAX_METHOD_PAYLOAD_BYTES,
      maxRequestBytes: CALL_BODY_LIMIT.maxBytes,
      responseTimeoutSeconds: RESPONSE_TIMEOUT_SECONDS,
      connectTimeoutSeconds: CONNECT_TIMEOUT_SECONDS,
      maxTimeoutsWhileWaitingSeconds: MAX_CALL_SECONDS,
      maxWaitSeconds: MAX_RESOURCE_WAIT_SECONDS,
    },
    lists: { maxItems: MAX_LIST_LIMIT, defaultItems: DEFAULT_LIST_LIMIT },
    events: { maxWaitSeconds: MAX_EVENT_WAIT_SECONDS },
    feedbackTtlSeconds,
    retentionDays,
  };
  return async (request) => {
    parseRequest(NO_PARAMETERS, requestParts(request));
    return { jsonBody: limits };
  };
}
