import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

export const ISSUER = 'https://sts.windows.net/00000000-0000-0000-0000-000000000001/';
export const HUB_SCOPE = 'https://iothubs.azure.net/.default';

export interface TokenClaims {
  readonly oid?: string;
  readonly iss?: string;
  readonly aud?: string;
  readonly roles?: readonly string[];
  /** On the machine's clock; an hour ahead unless told otherwise. */
  readonly expiresAt?: number;
}

/** A key that tokens are signed with, and what the other side is told of it. */
export interface SigningKey {
  readonly publicKey: JWK & { kty: string };
  sign(claims?: TokenClaims): Promise<string>;
}

export async function aSigningKey(kid: string): Promise<SigningKey> {
  // Entra's are RSA; these are made in a fraction of the time.
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return {
    publicKey: { ...jwk, kid, kty: jwk.kty ?? '' },
    sign: ({ oid = 'app', iss = ISSUER, aud = 'https://iothubs.azure.net', ...rest } = {}) =>
      new SignJWT({ ...(oid !== '' && { oid }), ...(rest.roles && { roles: rest.roles }) })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuer(iss)
        .setAudience(aud)
        .setExpirationTime(new Date(rest.expiresAt ?? Date.now() + 3_600_000))
        .sign(privateKey),
  };
}

/** As `@azure/core-auth` has it: what the SDKs take as a credential. */
export interface LocalCredential {
  readonly scopes: string[];
  getToken(scopes: string | string[]): Promise<{ token: string; expiresOnTimestamp: number }>;
}

/** Signs locally what a managed identity would be given; `next` may fail, or change from call to call. */
export function aCredential(
  key: SigningKey,
  next: () => TokenClaims | Promise<TokenClaims> = () => ({}),
): LocalCredential {
  const scopes: string[] = [];
  return {
    scopes,
    async getToken(scope) {
      scopes.push(...[scope].flat());
      const { expiresAt = Date.now() + 3_600_000, ...claims } = await next();
      // A JWT's times are whole seconds.
      const expiresOnTimestamp = Math.floor(expiresAt / 1000) * 1000;
      return {
        token: await key.sign({ ...claims, expiresAt: expiresOnTimestamp }),
        expiresOnTimestamp,
      };
    },
  };
}
