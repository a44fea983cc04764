import type { DeviceRegistry } from '../state/device-registry.ts';

/** The device of an address: some SDKs percent-encode its id, the Node SDK does not. */
export function deviceIdIn(match: RegExpExecArray, registry: DeviceRegistry): string {
  const [, written = ''] = match;
  if (registry.find(written)) return written;
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}
