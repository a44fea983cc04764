import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { newDeviceEvent, type NewDeviceEvent } from '../state/device-event.ts';
import { parseJsonBody } from './json-body.ts';

const BATCH = 'application/vnd.microsoft.iothub.json';
const APPLICATION_PREFIX = 'iothub-app-';

const batchSchema = z
  .array(
    z.object({
      body: z.string(),
      base64Encoded: z.boolean().optional(),
      properties: z.record(z.string(), z.string()).optional(),
    }),
  )
  .min(1);

/** One message, or those of a batch. https://learn.microsoft.com/rest/api/iothub/device/send-device-event */
export function readDeviceEvents(headers: IncomingHttpHeaders, body: Buffer): NewDeviceEvent[] {
  if (!(headers['content-type'] ?? '').toLowerCase().startsWith(BATCH))
    return [readDeviceEvent(textsOf(headers), body)];
  return parseJsonBody(body, batchSchema).map((event) => {
    const encoding = event.base64Encoded === false ? 'utf8' : 'base64';
    const given = Object.entries(event.properties ?? {});
    // The SDK writes the names of headers, others the bare names of properties.
    const system = given.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
    const read = readDeviceEvent(new Map(system), Buffer.from(event.body, encoding));
    const others = given.flatMap(([name, value]) => {
      const bare = withoutPrefix(name);
      return bare === undefined && isSystemName(name) ? [] : [[bare ?? name, value]];
    });
    return Object.assign({}, read, { properties: Object.fromEntries(others) });
  });
}

const SYSTEM_NAMES = {
  messageId: 'iothub-messageid',
  correlationId: 'iothub-correlationid',
  userId: 'iothub-userid',
  to: 'iothub-to',
  contentType: 'iothub-contenttype',
  contentEncoding: 'iothub-contentencoding',
  expiresAt: 'iothub-expiry',
  createdAt: 'iothub-creationtimeutc',
  componentName: 'dt-subject',
  interfaceId: 'iothub-interface-id',
} as const;

function readDeviceEvent(fields: ReadonlyMap<string, string>, body: Buffer): NewDeviceEvent {
  const text = (key: keyof typeof SYSTEM_NAMES): string | undefined =>
    fields.get(SYSTEM_NAMES[key]);
  const properties = [...fields].flatMap(([name, value]) => {
    const bare = withoutPrefix(name);
    return bare === undefined ? [] : [[bare, value]];
  });
  return newDeviceEvent({
    body,
    properties: Object.fromEntries(properties),
    messageId: text('messageId'),
    correlationId: text('correlationId'),
    userId: text('userId'),
    to: text('to'),
    contentType: text('contentType'),
    contentEncoding: text('contentEncoding'),
    expiresAt: timeOf(text('expiresAt')),
    createdAt: timeOf(text('createdAt')),
    componentName: text('componentName'),
    interfaceId: text('interfaceId'),
  });
}

function textsOf(headers: IncomingHttpHeaders): Map<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, [value].flat().join(', ')]],
    ),
  );
}

function withoutPrefix(name: string): string | undefined {
  if (!name.toLowerCase().startsWith(APPLICATION_PREFIX)) return undefined;
  return name.slice(APPLICATION_PREFIX.length);
}

function isSystemName(name: string): boolean {
  return Object.values<string>(SYSTEM_NAMES).includes(name.toLowerCase());
}

function timeOf(value: string | undefined): number | undefined {
  const time = Date.parse(value ?? '');
  return Number.isNaN(time) ? undefined : time;
}
