import type { Device } from '../devices/device.ts';

/** A device as the API shows it: with what waits for it at the hub, and here. */
export function deviceResource(
  { lastActivityAt, ...device }: Device,
  deferredMessages: number,
): Record<string, unknown> {
  return {
    ...device,
    lastActivityAt: lastActivityAt === undefined ? null : new Date(lastActivityAt).toISOString(),
    deferredMessages,
  };
}
