import type { Message } from 'rhea';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Credential } from '../auth/credential.ts';
import { parseSasToken } from '../auth/sas-token.ts';
import { HubError } from '../state/hub-error.ts';
import { identityKey } from '../state/identity-key.ts';
import type { Right } from '../state/shared-access-policies.ts';

export interface PutToken {
  readonly audience: string;
  readonly token: string;
}

/** Bearer tokens come as either: some SDKs say `sastoken` of all. */
const TOKEN_TYPES: readonly unknown[] = ['servicebus.windows.net:sastoken', 'jwt'];
const RIGHTS: readonly Right[] = [
  'serviceConnect',
  'deviceConnect',
  'registryRead',
  'registryWrite',
];

/** Throws `argumentInvalid`. */
export function readPutToken({ application_properties: properties, body }: Message): PutToken {
  const fields: Readonly<Record<string, unknown>> = properties ?? {};
  const audience = fields['name'];
  const token: unknown = body;
  if (fields['operation'] !== 'put-token') throw invalid('the operation must be put-token');
  const type = fields['type'];
  if (!TOKEN_TYPES.includes(type)) throw invalid(`the type must be ${TOKEN_TYPES.join(' or ')}`);
  if (typeof audience !== 'string' || audience === '')
    throw invalid('the name must be an audience');
  if (typeof token !== 'string') throw invalid('the body must be a token in one amqp-value');
  const isBare = type === 'jwt' && !/^Bearer /i.test(token);
  return { audience, token: isBare ? `Bearer ${token}` : token };
}

/**
 * Whether a key of the hub, or Entra, signed the token, whatever it may be used for: to which links it admits,
 * shows when they attach. Returns when it expires; throws `unauthorized` or `tokenExpired`.
 */
export function verifyToken(authenticator: Authenticator, credential: Credential): number {
  if (typeof credential !== 'string') return credential.expiresAt;
  const token = credential;
  const path = resourcePathOf(token);
  const attempts: (() => { expiresAt: number })[] = RIGHTS.map(
    (right) => () => authenticator.service(token, right, path),
  );
  const [collection, deviceId, , moduleId] = path;
  if (collection === 'devices' && deviceId !== undefined) {
    const key = identityKey({ deviceId, ...(moduleId !== undefined && { moduleId }) });
    attempts.unshift(() => authenticator.device(token, key));
  }
  let refusal: unknown;
  for (const attempt of attempts) {
    try {
      return attempt().expiresAt;
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal;
}

/** What it was made for, below the host. */
function resourcePathOf(token: string): string[] {
  // What is no signature at all is refused by whoever reads it next.
  if (!token.startsWith('SharedAccessSignature ')) return [];
  return parseSasToken(token)
    .resource.replace(/^[a-z]+:\/\//i, '')
    .replace(/\/+$/, '')
    .split('/')
    .slice(1);
}

function invalid(what: string): HubError {
  return new HubError('argumentInvalid', `In a put-token request, ${what}`);
}
