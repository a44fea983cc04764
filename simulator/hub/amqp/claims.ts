import type { Deadlines } from '../state/deadlines.ts';
import { HubError } from '../state/hub-error.ts';

/** A token that is in force on a connection. */
export interface Claim {
  readonly audience: string;
  token: string;
}

interface HeldClaim extends Claim {
  cancelExpiry: () => void;
}

/** The tokens of one connection: one per audience, each until it expires or is renewed. */
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

  put(audience: string, token: string, expiresAt: number): void {
    const known = this.#claims.get(audience);
    known?.cancelExpiry();
    const claim = known ?? { audience, token, cancelExpiry: () => {} };
    claim.token = token;
    claim.cancelExpiry = this.#deadlines.schedule(expiresAt, () => {
      this.#claims.delete(audience);
      this.#onChange(claim, 'expired');
    });
    this.#claims.set(audience, claim);
    this.#onChange(claim, 'renewed');
  }

  /** The first whose token passes; throws the HubError of the last that did not. */
  find(check: (token: string) => void): Claim {
    let refusal = new HubError('unauthorized', 'No token was put on this connection');
    for (const claim of this.#claims.values()) {
      try {
        check(claim.token);
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
