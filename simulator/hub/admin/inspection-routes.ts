import { z } from 'zod';
import { identityKeyIn } from '../https/route.ts';
import type { InspectedMessage } from '../state/cloud-to-device-queues.ts';
import type { DeviceIdentity } from '../state/device-identity.ts';
import type { HubState } from '../state/hub-state.ts';
import { identityKey } from '../state/identity-key.ts';
import { PROTOCOLS } from './admin-context.ts';
import { DONE, type AdminAnswer, type AdminRequest, type AdminRoute } from './admin-route.ts';
import { parseBody, parseQuery } from './parse.ts';

const MOST_ITEMS = 1000;

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);
const limit = wholeNumber.pipe(z.number().min(1).max(MOST_ITEMS)).default(MOST_ITEMS);
const after = wholeNumber.default(0);

const pageSchema = z.strictObject({ after, limit });
const queueSchema = z.strictObject({ bodies: z.enum(['true', 'false']).default('false') });
const logSchema = z.strictObject({
  after,
  limit,
  protocol: z.enum(PROTOCOLS).exactOptional(),
  deviceId: z.string().exactOptional(),
});
const logSettingsSchema = z.strictObject({ payloads: z.boolean() });
const historySchema = z.strictObject({
  deviceId: z.string().exactOptional(),
  messageId: z.string().exactOptional(),
});

/** Nothing here shows a body, a property or a key unless it is asked for. */
export const inspectionRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: '/devices', handle: listDevices },
  { method: 'GET', path: '/devices/{deviceId}/queue', handle: showQueue },
  { method: 'GET', path: '/devices/{deviceId}/modules/{moduleId}/queue', handle: showQueue },
  { method: 'GET', path: '/feedback', handle: showFeedback },
  { method: 'GET', path: '/log', handle: showLog },
  { method: 'PUT', path: '/log', handle: setLog },
  { method: 'GET', path: '/history', handle: showHistory },
];

function listDevices(request: AdminRequest): AdminAnswer {
  const { state } = request;
  const query = parseQuery(request, pageSchema);
  const page = state.registry.page({ after: query.after, max: query.limit });
  const items = page.items.map((identity) => {
    const modules = state.registry.modulesOf(identity.deviceId);
    return {
      ...identityItem(state, identity),
      ...(modules.length > 0 && { modules: modules.map((module) => identityItem(state, module)) }),
    };
  });
  return { status: 200, json: { items, next: page.after } };
}

function identityItem(state: HubState, identity: DeviceIdentity): object {
  const key = identityKey(identity);
  return {
    deviceId: identity.deviceId,
    moduleId: identity.moduleId,
    generationId: identity.generationId,
    status: identity.status,
    connectionState: identity.connectionState,
    connectionStateUpdatedAt: time(identity.connectionStateUpdatedAt),
    lastActivityAt: time(identity.lastActivityAt),
    queuedMessages: state.cloudToDevice.count(key),
    methodsInFlight: state.methods.inFlight(key),
  };
}

function showQueue(request: AdminRequest): AdminAnswer {
  const { bodies } = parseQuery(request, queueSchema);
  const items = request.state.cloudToDevice.inspect(identityKeyIn(request));
  return {
    status: 200,
    json: { items: items.map((item) => messageJson(item, bodies === 'true')) },
  };
}

function messageJson(inspected: InspectedMessage, withBody: boolean): object {
  const { message, attempts, lockedUntil } = inspected;
  return {
    sequenceNumber: message.sequenceNumber,
    messageId: message.messageId,
    correlationId: message.correlationId,
    ack: message.ack,
    state: lockedUntil === undefined ? 'waiting' : 'locked',
    lockedUntil: time(lockedUntil),
    deliveryCount: message.deliveryCount,
    attempts,
    enqueuedAt: time(message.enqueuedAt),
    expiresAt: time(message.expiresAt),
    bodyBytes: message.body.length,
    ...(withBody && {
      contentType: message.contentType,
      contentEncoding: message.contentEncoding,
      properties: message.properties,
      bodyBase64: message.body.toString('base64'),
    }),
  };
}

function showFeedback({ state }: AdminRequest): AdminAnswer {
  const { pending, batches } = state.feedback.inspect();
  return {
    status: 200,
    json: {
      pending,
      batches: batches.map(({ enqueuedAt, expiresAt, isLocked, ...batch }) => ({
        state: isLocked ? 'locked' : 'waiting',
        enqueuedAt: time(enqueuedAt),
        expiresAt: time(expiresAt),
        deliveryCount: batch.deliveryCount,
        records: batch.records,
      })),
    },
  };
}

function showLog(request: AdminRequest): AdminAnswer {
  const query = parseQuery(request, logSchema);
  const entries = request.log
    .entries()
    .filter(
      (entry) =>
        entry.ordinal > query.after &&
        (query.protocol ?? entry.protocol) === entry.protocol &&
        (query.deviceId ?? entry.detail?.['deviceId']) === entry.detail?.['deviceId'],
    )
    .slice(0, query.limit);
  return {
    status: 200,
    json: {
      items: entries.map(({ ordinal, at, protocol, peer, event, detail, payloads }) => ({
        ordinal,
        at: time(at),
        protocol,
        peer,
        event,
        detail,
        receivedBase64: payloads?.received?.toString('base64'),
        sentBase64: payloads?.sent?.toString('base64'),
      })),
      next: entries.at(-1)?.ordinal ?? query.after,
    },
  };
}

/** Payloads may hold keys: they are kept for those who ask for it. */
function setLog(request: AdminRequest): AdminAnswer {
  request.log.keepsPayloads = parseBody(request, logSettingsSchema).payloads;
  return DONE;
}

function showHistory(request: AdminRequest): AdminAnswer {
  const events = request.state.journal.events(parseQuery(request, historySchema));
  const items = events.map((event) => Object.assign({}, event, { at: time(event.at) }));
  return { status: 200, json: { items } };
}

function time(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
