import { randomBytes } from 'node:crypto';
import { HubError } from './hub-error.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const KEY_BYTES = { least: 16, most: 64 };

export function newSharedAccessKey(): string {
  return randomBytes(32).toString('base64');
}

/** Throws `argumentInvalid`. */
export function checkSharedAccessKey(name: string, key: string | undefined): void {
  if (key === undefined) return;
  const bytes = BASE64.test(key) ? Buffer.from(key, 'base64').length : 0;
  if (bytes >= KEY_BYTES.least && bytes <= KEY_BYTES.most) return;
  throw new HubError(
    'argumentInvalid',
    `${name} must be base64 of ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes`,
  );
}
