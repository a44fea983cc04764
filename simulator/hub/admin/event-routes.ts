import { z } from 'zod';
import { param } from '../https/route.ts';
import type { DeviceEvent } from '../state/device-event.ts';
import type { EventPartition } from '../state/event-partition.ts';
import { HubError } from '../state/hub-error.ts';
import { DONE, type AdminAnswer, type AdminRequest, type AdminRoute } from './admin-route.ts';
import { parseQuery } from './parse.ts';

const MOST_EVENTS = 100;

const sequenceNumber = z
  .string()
  .regex(/^(-1|\d{1,15})$/, 'must be a sequence number, or -1')
  .transform(Number);
const limit = z
  .string()
  .regex(/^\d{1,3}$/, 'must be a whole number')
  .transform(Number)
  .pipe(z.number().min(1).max(MOST_EVENTS));
const eventsSchema = z.strictObject({
  after: sequenceNumber.default(-1),
  limit: limit.default(MOST_EVENTS),
  bodies: z.enum(['true', 'false']).default('false'),
});

/** What devices sent, and who reads it. */
export const eventRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: '/events', handle: showEndpoint },
  { method: 'GET', path: '/events/{partitionId}', handle: showEvents },
  { method: 'PUT', path: '/events/consumer-groups/{name}', handle: addGroup },
  { method: 'DELETE', path: '/events/consumer-groups/{name}', handle: removeGroup },
];

function showEndpoint({ state }: AdminRequest): AdminAnswer {
  const { events } = state;
  return {
    status: 200,
    json: {
      name: events.name,
      consumerGroups: events.consumerGroups.list(),
      partitions: events.partitions().map(partitionJson),
      readers: events.readers.list().map((reader) => ({
        consumerGroup: reader.consumerGroup,
        partitionId: reader.partitionId,
        ownerLevel: reader.ownerLevel,
        sequenceNumber: reader.position(),
      })),
    },
  };
}

function partitionJson(partition: EventPartition): object {
  const { lastEnqueuedAt, ...properties } = partition.properties();
  return { partitionId: partition.id, ...properties, lastEnqueuedAt: time(lastEnqueuedAt) };
}

function showEvents(request: AdminRequest): AdminAnswer {
  const { after, limit: most, bodies } = parseQuery(request, eventsSchema);
  const partition = request.state.events.partition(param(request, 'partitionId'));
  if (!partition) throw new HubError('notFound', 'There is no such partition');
  const events: DeviceEvent[] = [];
  for (
    let next = partition.after(after);
    next && events.length < most;
    next = partition.after(next.sequenceNumber)
  )
    events.push(next);
  const items = events.map((event) => eventJson(event, bodies === 'true'));
  return { status: 200, json: { items, next: events.at(-1)?.sequenceNumber ?? after } };
}

function eventJson(event: DeviceEvent, withBody: boolean): object {
  return {
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    enqueuedAt: time(event.enqueuedAt),
    deviceId: event.deviceId,
    moduleId: event.moduleId,
    messageId: event.messageId,
    correlationId: event.correlationId,
    bodyBytes: event.body.length,
    ...(withBody && {
      contentType: event.contentType,
      contentEncoding: event.contentEncoding,
      properties: event.properties,
      bodyBase64: event.body.toString('base64'),
    }),
  };
}

function addGroup(request: AdminRequest): AdminAnswer {
  request.state.events.consumerGroups.add(param(request, 'name'));
  return DONE;
}

function removeGroup(request: AdminRequest): AdminAnswer {
  if (!request.state.events.consumerGroups.remove(param(request, 'name')))
    throw new HubError('notFound', 'There is no such consumer group');
  return DONE;
}

function time(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
