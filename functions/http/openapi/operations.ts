import type * as z from 'zod';
import type { ErrorCode } from '../../errors.ts';
import { getDeviceRequest } from '../get-device.ts';
import { getEventsRequest } from '../get-events.ts';
import { getInvocationRequest } from '../get-invocation.ts';
import { getMessageRequest } from '../get-message.ts';
import { idOfKey } from '../id-of-key.ts';
import { invokeMethodRequest } from '../invoke-method.ts';
import { listDevicesRequest } from '../list-devices.ts';
import { listInvocationsRequest } from '../list-invocations.ts';
import { listMessagesRequest } from '../list-messages.ts';
import { NO_PARAMETERS } from '../parse-request.ts';
import { purgeMessagesRequest } from '../purge-messages.ts';
import { sendMessageRequest } from '../send-message.ts';
import type { ResourceName } from './resources.ts';

export interface SuccessResponse {
  readonly description: string;
  readonly resource?: ResourceName | readonly ResourceName[] | 'document';
  /** Beside JSON. */
  readonly eventStream?: boolean;
  readonly headers?: readonly (
    'location' | 'etag' | 'idempotent-replayed' | 'preference-applied'
  )[];
}

export interface Operation {
  /** The name of its function. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly request: z.ZodObject<{
    path: z.ZodObject;
    query: z.ZodObject;
    headers: z.ZodObject;
    body?: z.ZodType;
  }>;
  /** Parts of the request by name, as a caller would send them. */
  readonly examples?: {
    readonly parameters?: Readonly<Record<string, string | number>>;
    readonly bodies?: Readonly<Record<string, unknown>>;
  };
  readonly responses: Readonly<Record<number, SuccessResponse>>;
  readonly problems: readonly ErrorCode[];
  /** Needs no key. */
  readonly open?: true;
  /** Does not mind parameters that it does not know. */
  readonly lenient?: true;
}

const MESSAGES = '/api/devices/{deviceId}/messages';
const INVOCATIONS = '/api/devices/{deviceId}/invocations';

const device = { deviceId: 'device-1' };
const hub = ['throttled', 'quota-exceeded', 'hub-unavailable'] as const;

/** Every route, with all that it may answer. Tests compare it with the table of triggers and with real answers. */
export const operations: readonly Operation[] = [
  {
    id: 'sendMessage',
    method: 'post',
    path: MESSAGES,
    summary: 'Send a cloud-to-device message',
    request: sendMessageRequest,
    examples: {
      parameters: device,
      bodies: {
        json: { messageId: 'set-point-1', body: { setPoint: 21 } },
        text: {
          bodyText: 'reboot',
          contentType: 'text/plain',
          properties: { Property: 'PropMsg_0' },
          ack: 'positive',
          ttlSeconds: 600,
        },
        bytes: { bodyBase64: 'AAEC', correlationId: 'correlation_0', ack: 'none' },
      },
    },
    responses: {
      200: {
        description: 'A repeat: the message as it is; nothing was sent.',
        resource: 'Message',
        headers: ['location', 'idempotent-replayed'],
      },
      202: {
        description: 'The hub has taken the message, or with dispatch=queued Downlink has.',
        resource: 'Message',
        headers: ['location', 'idempotent-replayed'],
      },
    },
    problems: [
      ...hub,
      'device-not-found',
      'message-not-found',
      'device-queue-full',
      'idempotency-conflict',
      'message-too-large',
      'unsupported-media-type',
      'storage-unavailable',
      'hub-outcome-unknown',
    ],
  },
  {
    id: 'listMessages',
    method: 'get',
    path: MESSAGES,
    summary: "A device's messages, newest first",
    request: listMessagesRequest,
    examples: { parameters: { ...device, status: 'delivered', limit: 10 } },
    responses: { 200: { description: 'A page of messages.', resource: 'MessageList' } },
    problems: ['storage-unavailable'],
  },
  {
    id: 'purgeMessages',
    method: 'delete',
    path: MESSAGES,
    summary: "Empty a device's queue",
    request: purgeMessagesRequest,
    examples: { parameters: device },
    responses: { 200: { description: 'How many messages were removed.', resource: 'Purged' } },
    problems: [...hub, 'device-not-found', 'storage-unavailable'],
  },
  {
    id: 'getMessage',
    method: 'get',
    path: `${MESSAGES}/{messageId}`,
    summary: 'A message and what became of it',
    request: getMessageRequest,
    examples: { parameters: { ...device, messageId: 'set-point-1', waitSeconds: 1 } },
    responses: {
      200: { description: 'The message.', resource: 'Message', headers: ['etag'] },
      304: { description: 'The message is as If-None-Match says.', headers: ['etag'] },
    },
    problems: ['message-not-found', 'storage-unavailable'],
  },
  {
    id: 'invokeMethod',
    method: 'post',
    path: '/api/devices/{deviceId}/methods/{methodName}',
    summary: 'Call a direct method',
    request: invokeMethodRequest,
    examples: {
      parameters: { ...device, methodName: 'reboot', 'idempotency-key': 'reboot-1' },
      bodies: { call: { payload: { delaySeconds: 5 }, responseTimeoutSeconds: 30 } },
    },
    responses: {
      200: {
        description:
          'What the device answered. With respond-async: a repeat, and the invocation as it is.',
        resource: ['MethodResult', 'Invocation'],
        headers: ['location', 'idempotent-replayed', 'preference-applied'],
      },
      202: {
        description:
          'With respond-async: the invocation is stored. With fallback: the device was not online, and a message goes to it. Location says where to look.',
        resource: 'Invocation',
        headers: ['location', 'idempotent-replayed', 'preference-applied'],
      },
    },
    problems: [
      ...hub,
      'device-not-found',
      'invocation-not-found',
      'device-not-online',
      'idempotency-conflict',
      'payload-too-large',
      'message-too-large',
      'unsupported-media-type',
      'in-flight-limit',
      'bad-device-response',
      'storage-unavailable',
      'device-timeout',
      'device-disconnected',
      'hub-outcome-unknown',
    ],
  },
  {
    id: 'listInvocations',
    method: 'get',
    path: INVOCATIONS,
    summary: "Calls of a device's methods, newest first",
    request: listInvocationsRequest,
    examples: { parameters: { ...device, limit: 10 } },
    responses: { 200: { description: 'A page of invocations.', resource: 'InvocationList' } },
    problems: ['storage-unavailable'],
  },
  {
    id: 'getInvocation',
    method: 'get',
    path: `${INVOCATIONS}/{invocationId}`,
    summary: 'The call of a method and what became of it',
    request: getInvocationRequest,
    examples: {
      parameters: { ...device, invocationId: idOfKey(device.deviceId, 'reboot-1'), waitSeconds: 1 },
    },
    responses: { 200: { description: 'The invocation.', resource: 'Invocation' } },
    problems: ['invocation-not-found', 'storage-unavailable'],
  },
  {
    id: 'listDevices',
    method: 'get',
    path: '/api/devices',
    summary: "Devices in the hub's order",
    request: listDevicesRequest,
    examples: { parameters: { limit: 10 } },
    responses: { 200: { description: 'A page of devices.', resource: 'DeviceList' } },
    problems: [...hub, 'storage-unavailable'],
  },
  {
    id: 'getDevice',
    method: 'get',
    path: '/api/devices/{deviceId}',
    summary: 'A device',
    request: getDeviceRequest,
    examples: { parameters: device },
    responses: { 200: { description: 'The device.', resource: 'Device' } },
    problems: [...hub, 'device-not-found', 'storage-unavailable'],
  },
  {
    id: 'getEvents',
    method: 'get',
    path: '/api/events',
    summary: 'Changes of status as they happen',
    request: getEventsRequest,
    examples: { parameters: { ...device, waitSeconds: 0 } },
    responses: {
      200: {
        description:
          'The events since the cursor, as soon as there is one. With Accept: text/event-stream as server-sent events.',
        resource: 'EventList',
        eventStream: true,
      },
    },
    problems: ['storage-unavailable'],
  },
  {
    id: 'getLimits',
    method: 'get',
    path: '/api/limits',
    summary: 'The limits in force',
    request: NO_PARAMETERS,
    responses: { 200: { description: 'The limits.', resource: 'Limits' } },
    problems: [],
  },
  {
    id: 'getHealth',
    method: 'get',
    path: '/api/health',
    summary: 'Whether hub and storage answer',
    request: NO_PARAMETERS,
    responses: {
      200: { description: 'Both answer.', resource: 'Health' },
      503: { description: 'One of them does not.', resource: 'Health' },
    },
    problems: [],
    open: true,
    lenient: true,
  },
  {
    id: 'getHealthDetails',
    method: 'get',
    path: '/api/health/details',
    summary: 'Latencies, and whether feedback comes in',
    request: NO_PARAMETERS,
    responses: {
      200: { description: 'Hub and storage answer.', resource: 'HealthDetails' },
      503: { description: 'One of them does not.', resource: 'HealthDetails' },
    },
    problems: [],
    lenient: true,
  },
  {
    id: 'getOpenApi',
    method: 'get',
    path: '/api/openapi.json',
    summary: 'This document',
    request: NO_PARAMETERS,
    responses: { 200: { description: 'The document.', resource: 'document' } },
    problems: [],
    open: true,
  },
];
