import type { Credential } from '../auth/credential.ts';
import { whoIs } from '../auth/who-is.ts';
import type { Deadlines } from '../state/deadlines.ts';
import { HubError } from '../state/hub-error.ts';

/** A token or certificate that is in force on a connection. */
export interface Claim {
  readonly audience: string;
  credential: Credential;
}

interface HeldClaim extends Claim {
  cancelExpiry: () => void;
}

/** The tokens of one connection, and its certificate once a link was admitted by it: one per audience, each until it expires or is renewed. */
export class Claims {
  readonly #deadlines: Deadlines;
  readonly #onChange: (claim: Claim, change: 'renewed' | 'expired') => void;
  readonly #claims = new Map<string, HeldClaim>();

  constructor(
    deadlines: Deadlines,
    onChange: (claim: Claim, change: 'renewed' | 'expired') => void,
  ) {
    this.#deadlines = deadlines;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#claims.size;
  }

  has(audience: string): boolean {
    return this.#claims.has(audience);
  }

  put(audience: string, credential: Credential, expiresAt: number): Claim {
    const known = this.#claims.get(audience);
    known?.cancelExpiry();
    const claim = known ?? { audience, credential, cancelExpiry: () => {} };
    claim.credential = credential;
    claim.cancelExpiry = this.#deadlines.schedule(expiresAt, () => {
      this.#claims.delete(audience);
      this.#onChange(claim, 'expired');
    });
    this.#claims.set(audience, claim);
    this.#onChange(claim, 'renewed');
    return claim;
  }

  /** Whom they speak for. */
  identities(): string[] {
    return [...new Set([...this.#claims.values()].map(({ credential }) => whoIs(credential)))];
  }

  /** The first that passes; throws the HubError of the last that did not. */
  find(check: (credential: Credential) => void): Claim {
    let refusal = new HubError('unauthorized', 'No token was put on this connection');
    for (const claim of this.#claims.values()) {
      try {
        check(claim.credential);
        return claim;
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  clear(): void {
    for (const claim of this.#claims.values()) claim.cancelExpiry();
    this.#claims.clear();
  }
}
