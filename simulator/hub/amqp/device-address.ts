import type { DeviceRegistry } from '../state/device-registry.ts';
import { identityKey } from '../state/identity-key.ts';

/** The start of an address that belongs to a device, or to one of its modules. */
const IDENTITY = String.raw`^/devices/([^/]+)(?:/modules/([^/]+))?`;

/** Matches the addresses of devices and modules that end like this. */
export function identityAddress(end: string): RegExp {
  return new RegExp(`${IDENTITY}${end}$`, 'i');
}

/** The key of the device or module of an address: some SDKs percent-encode the ids, the Node SDK does not. */
export function identityIn(match: RegExpExecArray, registry: DeviceRegistry): string {
  const written = keyOf(match, (id) => id);
  return registry.find(written) ? written : keyOf(match, decodeIfPossible);
}

export function keyOf(match: RegExpExecArray, read: (id: string) => string): string {
  const [, deviceId = '', moduleId] = match;
  return identityKey({
    deviceId: read(deviceId),
    ...(moduleId !== undefined && { moduleId: read(moduleId) }),
  });
}

/** Throws for what is not percent-encoded as it should be. */
export function decodeId(written: string): string {
  const id = decodeURIComponent(written);
  if (id.includes('/')) throw new URIError('No id holds a slash');
  return id;
}

function decodeIfPossible(written: string): string {
  try {
    return decodeId(written);
  } catch {
    return written;
  }
}
