import type { IncomingMessage } from 'node:http';
import { createLocalJWKSet, errors, jwtVerify, type JWK, type JWTPayload } from 'jose';

/** What App Service is told of Entra, as far as it is imitated. */
export interface AuthenticationSettings {
  readonly issuers: string[];
  readonly audiences: string[];
  /** Public keys whose owner may sign tokens. */
  readonly keys: JWK[];
  /** Open to everybody. */
  readonly excludedPaths: readonly string[];
}

/** The headers that tell the app who calls. */
export type PrincipalHeaders = Readonly<Record<string, string>>;

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384'];
const CLAIM_NAMES: Readonly<Record<string, string>> = {
  oid: 'http://schemas.microsoft.com/identity/claims/objectidentifier',
  tid: 'http://schemas.microsoft.com/identity/claims/tenantid',
};

/**
 * App Service authentication with Entra: a bearer token is checked, and the app is told who it was made out to.
 * https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
 */
export class AppServiceAuthentication {
  readonly #settings: AuthenticationSettings;
  readonly #excluded: ReadonlySet<string>;

  constructor(settings: AuthenticationSettings) {
    this.#settings = settings;
    this.#excluded = new Set(settings.excludedPaths.map((path) => path.toLowerCase()));
  }

  /** Undefined: the caller is to be turned away. */
  async headersFor(
    { headers }: IncomingMessage,
    pathname: string,
  ): Promise<PrincipalHeaders | undefined> {
    if (this.#excluded.has(pathname.toLowerCase())) return {};
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const { issuers: issuer, audiences: audience, keys } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet({ keys }), {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'oid'],
      });
      return principalHeaders(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}

function principalHeaders(payload: JWTPayload): PrincipalHeaders {
  const principal = {
    auth_typ: 'aad',
    claims: Object.entries(payload).flatMap(([name, value]) =>
      [value].flat().map((each) => ({ typ: CLAIM_NAMES[name] ?? name, val: String(each) })),
    ),
    name_typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
    role_typ: 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role',
  };
  return {
    'x-ms-client-principal': Buffer.from(JSON.stringify(principal)).toString('base64'),
    'x-ms-client-principal-id': String(payload['oid']),
    'x-ms-client-principal-idp': 'aad',
  };
}
