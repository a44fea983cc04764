import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { identityPath } from '../state/identity-key.ts';
import type { Right } from '../state/shared-access-policies.ts';
import { covers, isSignedWith, parseSasToken, type SasToken } from './sas-token.ts';

/** Checks tokens against the keys that the hub knows. Every refusal is a HubError of status 401, at once. */
export class Authenticator {
  readonly #state: HubState;
  readonly #wallClock: () => number;

  constructor(state: HubState, wallClock: () => number = Date.now) {
    this.#state = state;
    this.#wallClock = wallClock;
  }

  /** For the back end. `path` is what it wants to use, below the host: a token may be made for a part of the hub only. */
  service(
    token: string,
    right: Right,
    path: readonly string[] = [],
  ): { policyName: string; expiresAt: number } {
    const sas = this.#parse(token);
    if (sas.policyName === undefined)
      throw new HubError('unauthorized', 'The token names no shared access policy (skn)');
    this.#checkPolicy(sas, sas.policyName, right);
    this.#checkCovers(sas, path);
    return { policyName: sas.policyName, expiresAt: sas.expiresAt };
  }

  /** For a device or module, by its key: its own keys, or a policy that lets devices connect. */
  device(token: string, deviceId: string): { expiresAt: number } {
    const sas = this.#parse(token);
    const identity = this.#state.registry.find(deviceId);
    if (!identity || identity.status !== 'enabled') {
      throw new HubError(
        'unauthorized',
        `IotHub '${this.#state.hostName}' does not contain the specified device '${deviceId}', or it is disabled`,
      );
    }
    if (sas.policyName !== undefined) this.#checkPolicy(sas, sas.policyName, 'deviceConnect');
    else if (!isSignedWithEither(sas, identity))
      throw new HubError('unauthorized', `The token is not signed with a key of '${deviceId}'`);
    this.#checkCovers(sas, identityPath(deviceId));
    return { expiresAt: sas.expiresAt };
  }

  #parse(token: string): SasToken {
    if (/^Bearer /i.test(token)) {
      throw new HubError(
        'unauthorized',
        'The simulated hub takes shared access signatures, not Entra tokens',
      );
    }
    const sas = parseSasToken(token);
    if (sas.expiresAt <= this.#wallClock()) {
      throw new HubError(
        'tokenExpired',
        `The token expired at ${new Date(sas.expiresAt).toISOString()}`,
      );
    }
    return sas;
  }

  #checkPolicy(sas: SasToken, policyName: string, right: Right): void {
    const policy = this.#state.policies.find(policyName);
    if (!policy || !isSignedWithEither(sas, policy)) {
      throw new HubError(
        'unauthorized',
        `The token is not signed with a key of a policy '${policyName}'`,
      );
    }
    if (!policy.rights.includes(right))
      throw new HubError('unauthorized', `The policy '${policyName}' has no right ${right}`);
  }

  #checkCovers(sas: SasToken, path: readonly string[]): void {
    if (covers(sas, this.#state.hostName, path)) return;
    const audience = [this.#state.hostName, ...path].join('/');
    throw new HubError(
      'unauthorized',
      `The token is made for '${sas.resource}', not '${audience}'`,
    );
  }
}

function isSignedWithEither(
  token: SasToken,
  keys: { readonly primaryKey: string; readonly secondaryKey: string },
): boolean {
  return isSignedWith(token, keys.primaryKey) || isSignedWith(token, keys.secondaryKey);
}
