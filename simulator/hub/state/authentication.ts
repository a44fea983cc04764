import { HubError } from './hub-error.ts';
import { checkSharedAccessKey, newSharedAccessKey } from './shared-access-key.ts';

/** https://learn.microsoft.com/rest/api/iothub/service/devices/get-identity#authenticationtype */
export const AUTHENTICATION_TYPES = ['sas', 'selfSigned', 'certificateAuthority', 'none'] as const;
type AuthenticationType = (typeof AUTHENTICATION_TYPES)[number];

/** Hexadecimal, of a certificate's SHA-1 or SHA-256. */
interface X509Thumbprint {
  readonly primaryThumbprint?: string;
  readonly secondaryThumbprint?: string;
}

/** How a device shows who it is. */
export interface Authentication {
  readonly authenticationType: AuthenticationType;
  /** Empty, as the other, unless the type is `sas`. */
  readonly primaryKey: string;
  readonly secondaryKey: string;
  /** Of the type `selfSigned` alone. */
  readonly x509Thumbprint?: X509Thumbprint;
}

export type AuthenticationInput = Partial<Authentication>;

const NO_KEYS = { primaryKey: '', secondaryKey: '' };
const THUMBPRINT = /^(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/;

/** What the input leaves out stays as it is, or is chosen by the hub; throws `argumentInvalid`. */
export function newAuthentication(
  input: AuthenticationInput,
  current?: Authentication,
): Authentication {
  checkSharedAccessKey('primaryKey', input.primaryKey);
  checkSharedAccessKey('secondaryKey', input.secondaryKey);
  const x509Thumbprint = checkedThumbprints(input.x509Thumbprint);
  const authenticationType = typeOf(input, x509Thumbprint, current);
  if (authenticationType === 'sas') return { authenticationType, ...keysOf(input, current) };
  if (authenticationType !== 'selfSigned') return { authenticationType, ...NO_KEYS };
  const thumbprints = x509Thumbprint ?? current?.x509Thumbprint;
  if (!thumbprints) throw invalid('the type selfSigned takes at least one thumbprint');
  return { authenticationType, ...NO_KEYS, x509Thumbprint: thumbprints };
}

function typeOf(
  input: AuthenticationInput,
  x509Thumbprint: X509Thumbprint | undefined,
  current: Authentication | undefined,
): AuthenticationType {
  // The service infers the type of whoever brings thumbprints and does not name it.
  const inferred = x509Thumbprint ? 'selfSigned' : (current?.authenticationType ?? 'sas');
  const type = input.authenticationType ?? inferred;
  if (x509Thumbprint && type !== 'selfSigned')
    throw invalid(`thumbprints are for the type selfSigned, and not for ${type}`);
  return type;
}

type Keys = Pick<Authentication, 'primaryKey' | 'secondaryKey'>;

function keysOf(input: Partial<Keys>, current: Keys = NO_KEYS): Keys {
  return {
    primaryKey: input.primaryKey ?? (current.primaryKey || newSharedAccessKey()),
    secondaryKey: input.secondaryKey ?? (current.secondaryKey || newSharedAccessKey()),
  };
}

/** Undefined if there is none. */
function checkedThumbprints(given: X509Thumbprint = {}): X509Thumbprint | undefined {
  const thumbprints = Object.entries(given).filter(([, thumbprint]) => thumbprint !== undefined);
  for (const [name, thumbprint] of thumbprints) {
    if (!THUMBPRINT.test(thumbprint))
      throw invalid(`${name} must be 40 (SHA-1) or 64 (SHA-256) hexadecimal digits`);
  }
  return thumbprints.length === 0 ? undefined : Object.fromEntries(thumbprints);
}

function invalid(what: string): HubError {
  return new HubError('argumentInvalid', `Of authentication: ${what}`);
}
