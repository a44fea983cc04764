import { identityName, identityPath } from '../state/identity-key.ts';
import type { TwinOperation } from '../state/twin-answer.ts';

// The topics of https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub; there are no others.

export type SubscriptionKind =
  'cloudToDevice' | 'methods' | 'twinResponses' | 'twinDesiredProperties';

export interface TopicFilter {
  readonly kind: SubscriptionKind;
  /** The device id as the subscriber wrote it: some SDKs percent-encode it and compare with that. */
  readonly deviceSegment: string;
}

export type DeviceTopic =
  | { readonly kind: 'event'; readonly propertyBag: string }
  | { readonly kind: 'methodResponse'; readonly status: number; readonly requestId: string }
  | ({ readonly kind: 'twinRequest' } & TwinRequest);

export interface TwinRequest {
  readonly operation: TwinOperation;
  readonly requestId: string;
}

const FIXED_FILTERS: Readonly<Record<string, SubscriptionKind>> = {
  '$iothub/methods/POST/#': 'methods',
  '$iothub/twin/res/#': 'twinResponses',
  '$iothub/twin/PATCH/properties/desired/#': 'twinDesiredProperties',
};
const METHOD_RESPONSE = /^\$iothub\/methods\/res\/(-?\d{1,9})\/(\?.*)$/;
const TWIN_REQUEST = /^\$iothub\/twin\/(GET|PATCH\/properties\/reported)\/(\?.*)$/;
const WILDCARDS = /[#+]/;

/** What a device may subscribe to; undefined for anything else. */
export function parseTopicFilter(filter: string, deviceId: string): TopicFilter | undefined {
  const fixed = Object.hasOwn(FIXED_FILTERS, filter) ? FIXED_FILTERS[filter] : undefined;
  if (fixed !== undefined) {
    return { kind: fixed, deviceSegment: deviceId };
  }
  const deviceSegment = spellings(deviceId).find(
    (spelling) =>
      filter === `devices/${spelling}/messages/devicebound/#` ||
      (isModule(deviceId) && filter === `devices/${spelling}/#`),
  );
  // [MQTT-4.7.1-2] A device id may hold what in a filter is a wildcard.
  return deviceSegment === undefined || WILDCARDS.test(deviceSegment)
    ? undefined
    : { kind: 'cloudToDevice', deviceSegment };
}

/** What a device may publish to; undefined for anything else. */
export function parseDeviceTopic(topic: string, deviceId: string): DeviceTopic | undefined {
  // [MQTT-3.3.2-2] [MQTT-1.5.3-2], and what is left of ill-formed UTF-8 [MQTT-1.5.3-1]
  if (WILDCARDS.test(topic) || topic.includes('\0') || topic.includes('\uFFFD')) {
    return undefined;
  }
  const propertyBag = eventPropertyBag(topic, deviceId);
  if (propertyBag !== undefined) {
    return { kind: 'event', propertyBag };
  }
  const [, status, responseQuery] = METHOD_RESPONSE.exec(topic) ?? [];
  if (status !== undefined && responseQuery !== undefined) {
    const requestId = requestIdOf(responseQuery);
    return requestId === undefined
      ? undefined
      : { kind: 'methodResponse', status: Number(status), requestId };
  }
  const [, operation, twinQuery] = TWIN_REQUEST.exec(topic) ?? [];
  const requestId = twinQuery === undefined ? undefined : requestIdOf(twinQuery);
  return requestId === undefined
    ? undefined
    : { kind: 'twinRequest', operation: operation === 'GET' ? 'get' : 'report', requestId };
}

/** What follows on the topic of a device's events; undefined for any other topic. */
export function eventPropertyBag(topic: string, deviceId: string): string | undefined {
  for (const spelling of spellings(deviceId)) {
    const prefix = `devices/${spelling}/messages/events`;
    if (topic === prefix) return '';
    // The property bag is one segment, with or without a slash behind it.
    const bag = topic.slice(prefix.length + 1).replace(/\/$/, '');
    if (topic.startsWith(`${prefix}/`) && !bag.includes('/')) return bag;
  }
  return undefined;
}

export function cloudToDeviceTopic(deviceSegment: string, propertyBag: string): string {
  return `devices/${deviceSegment}/messages/devicebound/${propertyBag}`;
}

export function methodRequestTopic(methodName: string, requestId: string): string {
  return `$iothub/methods/POST/${encodeURIComponent(methodName)}/?$rid=${requestId}`;
}

export function twinResponseTopic(status: number, requestId: string, version?: number): string {
  const topic = `$iothub/twin/res/${status}/?$rid=${requestId}`;
  return version === undefined ? topic : `${topic}&$version=${version}`;
}

export function desiredPropertiesTopic(version: number): string {
  return `$iothub/twin/PATCH/properties/desired/?$version=${version}`;
}

/** Below `devices/`: some SDKs percent-encode the ids. */
function spellings(key: string): string[] {
  const [, ...path] = identityPath(key);
  return [path.join('/'), path.map(encodeURIComponent).join('/')];
}

function isModule(key: string): boolean {
  return identityName(key).moduleId !== undefined;
}

function requestIdOf(query: string): string | undefined {
  return query
    .slice(1)
    .split('&')
    .find((field) => field.startsWith('$rid='))
    ?.slice('$rid='.length);
}
