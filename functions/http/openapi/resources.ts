import * as z from 'zod';
import { ACKS, MESSAGE_STATUSES } from '../../messages/message.ts';
import { INVOCATION_STATUSES } from '../../methods/invocation.ts';
import { PROBLEMS } from '../problem.ts';

/** What the API answers with. Tests hold every answer they get against these. */

const code = z.enum(Object.keys(PROBLEMS));
const time = z.iso.datetime();
const continuationToken = z.string().optional();
const failure = z
  .object({ code, detail: z.string() })
  .nullable()
  .describe('Why it came to this, in the words of a problem.');

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What was wrong and what to do.'),
    instance: z.string().describe('The id of the request, as in the header x-request-id.'),
    code,
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Every fault of the request at once.'),
  })
  .describe('A problem document, RFC 9457.');

const message = z.object({
  messageId: z.string(),
  deviceId: z.string(),
  correlationId: z.string().optional(),
  status: z.enum(MESSAGE_STATUSES),
  final: z.boolean().describe('Whether nothing more is expected to happen.'),
  ack: z.enum(ACKS),
  createdAt: time,
  expiresAt: time,
  updatedAt: time,
  sizeBytes: z.int().describe("Body and properties, in IoT Hub's way of counting."),
  properties: z.record(z.string(), z.string()),
  contentType: z.string().optional(),
  contentEncoding: z.string().optional(),
  attempt: z.int().describe('How often a hand-over to the hub was begun; 1 for the first.'),
  handOverUntil: time
    .optional()
    .describe(
      'While the outcome of the hand-over is not recorded: until when no repeat tries again.',
    ),
  history: z.array(
    z.object({ status: z.enum(MESSAGE_STATUSES), at: time, detail: z.string().optional() }),
  ),
  failure,
  receipt: z.unknown().describe("The body of the device's own receipt; null without one."),
});

const invocation = z.object({
  invocationId: z.string(),
  deviceId: z.string(),
  methodName: z.string(),
  status: z.enum(INVOCATION_STATUSES),
  final: z.boolean(),
  idempotent: z.boolean(),
  responseTimeoutSeconds: z.int(),
  connectTimeoutSeconds: z.int(),
  createdAt: time,
  updatedAt: time,
  attempt: z.int().describe('How often a call was begun or will be; 1 for the first.'),
  history: z.array(
    z.object({ status: z.enum(INVOCATION_STATUSES), at: time, detail: z.string().optional() }),
  ),
  result: z
    .object({
      status: z.int().describe("The device's own result code."),
      payload: z.unknown().optional().describe('Left out in lists.'),
      durationMs: z.number(),
    })
    .nullable(),
  failure,
  fallbackMessageId: z.string().nullable(),
});

const methodResult = z.object({
  invocationId: z.string(),
  deviceId: z.string(),
  methodName: z.string(),
  status: z.int().describe("The device's own result code, whatever it is."),
  payload: z.unknown(),
  durationMs: z.number(),
});

const device = z.object({
  deviceId: z.string(),
  status: z.enum(['enabled', 'disabled']),
  connectionState: z
    .enum(['connected', 'disconnected'])
    .describe('As the hub sees it; it may lag by minutes.'),
  lastActivityAt: time.nullable(),
  queuedMessages: z.int().describe("Messages that wait in the device's queue at the hub."),
  deferredMessages: z.int().describe('Messages that wait here for queued dispatch.'),
});

const event = z.object({
  id: z.string().describe('The same however often the event comes.'),
  at: time.describe('When it happened.'),
  deviceId: z.string(),
  messageId: z.string().optional(),
  invocationId: z.string().optional(),
  status: z.enum([...new Set([...MESSAGE_STATUSES, ...INVOCATION_STATUSES])]),
  final: z.boolean(),
  attempt: z.int(),
  detail: z.string().optional(),
});

const check = z.enum(['ok', 'unavailable']);
const timedCheck = z.object({ status: check, latencyMs: z.number() });
const range = z.object({ min: z.int(), max: z.int(), default: z.int() });

const limits = z.object({
  messages: z.object({
    maxBytes: z.int(),
    maxRequestBytes: z.int(),
    ttlSeconds: range,
    handOverSeconds: z.number(),
    maxQueuedPerDevice: z.int(),
    queuedSendsPerSecond: z
      .number()
      .nullable()
      .describe('The pace of queued dispatch; null: only the hub itself throttles.'),
    maxWaitSeconds: z.int(),
  }),
  methods: z.object({
    maxPayloadBytes: z.int(),
    maxRequestBytes: z.int(),
    responseTimeoutSeconds: range,
    connectTimeoutSeconds: range,
    maxTimeoutsWhileWaitingSeconds: z.int(),
    maxWaitSeconds: z.int(),
  }),
  lists: z.object({ maxItems: z.int(), defaultItems: z.int() }),
  events: z.object({ maxWaitSeconds: z.int() }),
  feedbackTtlSeconds: z.number(),
  retentionDays: z.number(),
});

export const resources = {
  Problem: problem,
  Message: message,
  MessageList: z.object({ items: z.array(message), continuationToken }),
  Purged: z.object({ purged: z.int(), deferredPurged: z.int() }),
  MethodResult: methodResult,
  Invocation: invocation,
  InvocationList: z.object({ items: z.array(invocation), continuationToken }),
  Device: device,
  DeviceList: z.object({ items: z.array(device), continuationToken }),
  EventList: z.object({ items: z.array(event), cursor: z.string() }),
  Health: z.object({
    status: z.enum(['healthy', 'unhealthy']),
    checks: z.object({ hub: check, storage: check }),
  }),
  HealthDetails: z.object({
    status: z.enum(['healthy', 'unhealthy']),
    checks: z.object({ hub: timedCheck, storage: timedCheck }),
    feedback: z
      .object({
        state: z.enum(['ok', 'unreachable', 'silent', 'incomplete']),
        detail: z.string(),
        lastFeedbackAt: time.nullable(),
        overdueMessages: z.int(),
      })
      .nullable()
      .describe('What is known of the path of the feedback; null while the storage is away.'),
  }),
  Limits: limits,
  Event: event,
} as const;

export type ResourceName = keyof typeof resources;
