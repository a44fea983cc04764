import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { HubError } from '../state/hub-error.ts';
import { MAX_EVENT_BYTES } from '../state/limits.ts';
import { parseJsonBody } from './json-body.ts';
import { NO_CONTENT, type Route, type RouteRequest } from './route.ts';

/** A batch holds its messages in base64, with JSON around them. */
const MAX_BODY_BYTES = 2 * MAX_EVENT_BYTES;
const BATCH = 'application/vnd.microsoft.iothub.json';
const APPLICATION_PREFIX = 'iothub-app-';
const SYSTEM_PROPERTIES = new Set([
  'iothub-messageid',
  'iothub-correlationid',
  'iothub-userid',
  'iothub-to',
  'iothub-expiry',
  'iothub-contenttype',
  'iothub-contentencoding',
]);

const batchSchema = z
  .array(
    z.object({
      body: z.string(),
      base64Encoded: z.boolean().optional(),
      properties: z.record(z.string(), z.string()).optional(),
    }),
  )
  .min(1);

/** https://learn.microsoft.com/rest/api/iothub/device/send-device-event */
export const eventRoute: Route = {
  method: 'POST',
  path: '/devices/{deviceId}/messages/events',
  right: 'deviceConnect',
  errors: 'registry',
  maxBodyBytes: MAX_BODY_BYTES,
  handle: (request) => {
    const bytes = isBatch(request.headers) ? batchSize(request) : eventSize(request);
    if (bytes > MAX_EVENT_BYTES) {
      throw new HubError(
        'messageTooLarge',
        `The message has ${bytes} bytes with its properties; at most ${MAX_EVENT_BYTES} are allowed`,
      );
    }
    // Coarser than the cloud: taken and acknowledged, not routed to any endpoint yet.
    return NO_CONTENT;
  },
};

function isBatch(headers: IncomingHttpHeaders): boolean {
  return (headers['content-type'] ?? '').toLowerCase().startsWith(BATCH);
}

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct: values of system properties, names and values of the others. */
function eventSize({ headers, body }: RouteRequest): number {
  const properties = Object.entries(headers).reduce((total, [name, value]) => {
    const length = Buffer.byteLength(String(value ?? ''));
    if (SYSTEM_PROPERTIES.has(name)) return total + length;
    if (!name.startsWith(APPLICATION_PREFIX)) return total;
    return total + name.length - APPLICATION_PREFIX.length + length;
  }, 0);
  return body.length + properties;
}

function batchSize({ body }: RouteRequest): number {
  return parseJsonBody(body, batchSchema).reduce((total, event) => {
    const encoding = event.base64Encoded === false ? 'utf8' : 'base64';
    const properties = Object.entries(event.properties ?? {})
      .flat()
      .join('');
    return total + Buffer.byteLength(event.body, encoding) + Buffer.byteLength(properties);
  }, 0);
}
