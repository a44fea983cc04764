import { createHmac } from 'node:crypto';
import type { IotHubCredentials } from './connection-string.ts';

/** As long as the service SDK's own. */
export const TOKEN_LIFETIME_MS = 60 * 60_000;

/** What a token is for, in the spelling that is signed and put. */
export function audienceOf({ hostName }: IotHubCredentials): string {
  return encodeURIComponent(hostName);
}

/**
 * A token that proves the policy's key without showing it.
 * https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas
 */
export function sasToken(credentials: IotHubCredentials, expiresAt: number): string {
  const audience = audienceOf(credentials);
  const expiry = Math.ceil(expiresAt / 1000);
  const signature = createHmac('sha256', Buffer.from(credentials.key, 'base64'))
    .update(`${audience}\n${expiry}`)
    .digest('base64');
  return (
    `SharedAccessSignature sr=${audience}&sig=${encodeURIComponent(signature)}` +
    `&se=${expiry}&skn=${encodeURIComponent(credentials.keyName)}`
  );
}
