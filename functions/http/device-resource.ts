import type { Device } from '../devices/device.ts';

/** A device as the API shows it. Queued dispatch will have messages wait here as well; there are none yet. */
export function deviceResource({ lastActivityAt, ...device }: Device): Record<string, unknown> {
  return {
    ...device,
    lastActivityAt: lastActivityAt === undefined ? null : new Date(lastActivityAt).toISOString(),
    deferredMessages: 0,
  };
}
