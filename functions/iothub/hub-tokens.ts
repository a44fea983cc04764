import type { IotHubCredentials } from './connection-string.ts';
import { audienceOf, sasToken, TOKEN_LIFETIME_MS } from './sas-token.ts';

/** As `@azure/core-auth` has it; the service SDK takes it as it is. */
export interface TokenCredential {
  getToken(
    scopes: string | string[],
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** Who we are to the hub: one of its policies, or whom Entra says we are. */
export type HubCredentials = IotHubCredentials | EntraCredentials;

interface EntraCredentials {
  readonly hostName: string;
  readonly credential: TokenCredential;
}

export interface HubToken {
  /** As an Authorization header and a put-token request have it. */
  readonly value: string;
  readonly madeAt: number;
  readonly expiresAt: number;
}

export interface HubTokens {
  /** What the tokens are for, in the spelling in which a put-token request names it. */
  readonly audience: string;
  /** A token of its own each time, as far as whoever issues it goes along. Rejects if there is none to be had. */
  make(): Promise<HubToken>;
}

/** What every Entra token for a hub is for, whichever hub it is. */
const SCOPE = 'https://iothubs.azure.net/.default';

export function hubTokens(credentials: HubCredentials, now: () => number): HubTokens {
  if ('credential' in credentials) {
    return {
      audience: SCOPE,
      async make() {
        const madeAt = now();
        const given = await credentials.credential.getToken(SCOPE);
        if (!given) throw new Error('The identity gave no token for the hub');
        return { value: `Bearer ${given.token}`, madeAt, expiresAt: given.expiresOnTimestamp };
      },
    };
  }
  return {
    audience: audienceOf(credentials),
    async make() {
      const madeAt = now();
      const expiresAt = madeAt + TOKEN_LIFETIME_MS;
      return { value: sasToken(credentials, expiresAt), madeAt, expiresAt };
    },
  };
}
