import { HubError } from './hub-error.ts';
import {
  MAX_TWIN_DEPTH,
  MAX_TWIN_INTEGER,
  MAX_TWIN_KEY_BYTES,
  MAX_TWIN_STRING_BYTES,
  MIN_TWIN_INTEGER,
} from './limits.ts';
import { isJsonObject, type JsonObject } from './merge-patch.ts';

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins#tags-and-properties-format
// The page leaves out '#', which the service refuses as well.
const FORBIDDEN_IN_KEYS = /[\p{Cc}.$# ]/u;

/** Throws `argumentInvalid`. The patch itself is at depth 0. */
export function checkTwinPatch(path: string, patch: JsonObject, depth = 0): void {
  if (depth > MAX_TWIN_DEPTH)
    throw new HubError('argumentInvalid', `${path} is deeper than ${MAX_TWIN_DEPTH} objects`);
  for (const [key, value] of Object.entries(patch)) {
    if (key === '' || FORBIDDEN_IN_KEYS.test(key) || Buffer.byteLength(key) > MAX_TWIN_KEY_BYTES) {
      throw new HubError(
        'argumentInvalid',
        `${path} has a key that is empty, longer than ${MAX_TWIN_KEY_BYTES} bytes or holds a control character, '.', '$', '#' or a space`,
      );
    }
    checkValue(`${path}.${key}`, value, depth + 1);
  }
}

function checkValue(path: string, value: unknown, depth: number): void {
  if (typeof value === 'string' && Buffer.byteLength(value) > MAX_TWIN_STRING_BYTES)
    throw new HubError('argumentInvalid', `${path} is longer than ${MAX_TWIN_STRING_BYTES} bytes`);
  if (
    Number.isInteger(value) &&
    (Number(value) < MIN_TWIN_INTEGER || Number(value) > MAX_TWIN_INTEGER)
  ) {
    throw new HubError(
      'argumentInvalid',
      `${path} is not within [${MIN_TWIN_INTEGER}; ${MAX_TWIN_INTEGER}]`,
    );
  }
  if (isJsonObject(value)) checkTwinPatch(path, value, depth);
  if (Array.isArray(value)) {
    if (depth > MAX_TWIN_DEPTH)
      throw new HubError('argumentInvalid', `${path} is deeper than ${MAX_TWIN_DEPTH} objects`);
    for (const item of value) checkValue(path, item, depth + 1);
  }
}

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins#device-twin-size */
export function twinSizeInBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value.replaceAll(/\p{Cc}/gu, ''));
  if (typeof value === 'number') return 8;
  if (typeof value === 'boolean') return 4;
  if (Array.isArray(value))
    return value.reduce<number>((total, item) => total + twinSizeInBytes(item), 0);
  if (!isJsonObject(value)) return 0;
  return Object.entries(value).reduce(
    (total, [key, item]) => total + twinSizeInBytes(key) + twinSizeInBytes(item),
    0,
  );
}
