import { createHmac, timingSafeEqual } from 'node:crypto';
import { HubError } from '../state/hub-error.ts';

/** https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas#sas-token-structure */
export interface SasToken {
  /** As it was signed: still percent-encoded. */
  readonly rawResource: string;
  readonly resource: string;
  readonly signature: Buffer;
  readonly rawExpiry: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Absent in a device's own token. */
  readonly policyName?: string;
}

const PREFIX = 'SharedAccessSignature ';

/** Throws `unauthorized`. */
export function parseSasToken(text: string): SasToken {
  if (!text.startsWith(PREFIX)) {
    throw new HubError('unauthorized', `The token does not begin with '${PREFIX.trim()}'`);
  }
  const fields = new Map(
    text
      .slice(PREFIX.length)
      .split('&')
      .map((field): [string, string] => {
        const equals = field.indexOf('=');
        return equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)];
      }),
  );
  const rawResource = fields.get('sr');
  const signature = fields.get('sig');
  const rawExpiry = fields.get('se');
  if (!rawResource || !signature || !rawExpiry || !/^\d{1,12}$/.test(rawExpiry)) {
    throw new HubError('unauthorized', 'The token lacks sr, sig or se, or se is no time');
  }
  const policyName = decode(fields.get('skn') ?? '');
  return {
    rawResource,
    resource: decode(rawResource),
    signature: Buffer.from(decode(signature), 'base64'),
    rawExpiry,
    expiresAt: Number(rawExpiry) * 1000,
    ...(policyName !== '' && { policyName }),
  };
}

/** `key` is base64, as connection strings hold it. */
export function newSasToken(token: {
  readonly resource: string;
  readonly key: string;
  readonly policyName?: string;
  readonly expiresAt: number;
}): string {
  const sr = encodeURIComponent(token.resource);
  const se = Math.floor(token.expiresAt / 1000);
  const signature = createHmac('sha256', Buffer.from(token.key, 'base64'))
    .update(`${sr}\n${se}`)
    .digest('base64');
  const skn = token.policyName === undefined ? '' : `&skn=${encodeURIComponent(token.policyName)}`;
  return `${PREFIX}sr=${sr}&sig=${encodeURIComponent(signature)}&se=${se}${skn}`;
}

/** Whether the key made the signature. Event Hubs clients take the key's text as it is, the others its base64 bytes. */
export function isSignedWith(token: SasToken, key: string): boolean {
  return [Buffer.from(key, 'base64'), Buffer.from(key)].some((secret) => {
    const expected = createHmac('sha256', secret)
      .update(`${token.rawResource}\n${token.rawExpiry}`)
      .digest();
    return expected.length === token.signature.length && timingSafeEqual(expected, token.signature);
  });
}

/** Whether the token was made for this resource, or for one that holds it. */
export function covers(token: SasToken, hostName: string, path: readonly string[]): boolean {
  const [authority = '', ...segments] = token.resource
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/+$/, '')
    .split('/');
  const host = authority.replace(/:\d+$/, '').toLowerCase();
  if (host !== hostName.toLowerCase() || segments.length > path.length) return false;
  // Some SDKs encode the device id once more before they encode the whole.
  return segments.every((segment, place) => {
    const wanted = path[place];
    return segment === wanted || tryDecode(segment) === wanted;
  });
}

function decode(text: string): string {
  const decoded = tryDecode(text);
  if (decoded === undefined)
    throw new HubError('unauthorized', 'The token is not percent-encoded as it should be');
  return decoded;
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
