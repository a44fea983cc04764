import { createHash } from 'node:crypto';

/** The id of a message or an invocation that a device and an idempotency key stand for. */
export function idOfKey(deviceId: string, key: string): string {
  return `key-${createHash('sha256').update(`${deviceId}\n${key}`).digest('base64url')}`;
}
