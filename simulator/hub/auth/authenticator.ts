import type { DeviceIdentity } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { identityPath } from '../state/identity-key.ts';
import type { Right } from '../state/shared-access-policies.ts';
import { ClientCertificate } from './client-certificate.ts';
import type { Credential } from './credential.ts';
import { isDataAction, type Permission, rightFor } from './data-actions.ts';
import { EntraPrincipal, EntraTenant } from './entra-tenant.ts';
import { covers, isSignedWith, parseSasToken, type SasToken } from './sas-token.ts';

/** Checks tokens and certificates against what the hub knows. Every refusal is a HubError of status 401, at once. */
export class Authenticator {
  readonly #state: HubState;
  readonly #wallClock: () => number;
  readonly #entra: EntraTenant;

  constructor(
    state: HubState,
    wallClock: () => number = Date.now,
    entra: EntraTenant = new EntraTenant(wallClock),
  ) {
    this.#state = state;
    this.#wallClock = wallClock;
    this.#entra = entra;
  }

  /** What the text of an Authorization header or of a put-token request stands for; signatures are checked with their use. */
  read(text: string): Credential | Promise<Credential> {
    const token = /^Bearer +(.*)$/is.exec(text)?.[1];
    return token === undefined ? text : this.#entra.verify(token);
  }

  /** For the back end. `path` is what it wants to use, below the host: a token may be made for a part of the hub only. */
  service(
    credential: Credential,
    permission: Permission,
    path: readonly string[] = [],
  ): { policyName?: string; expiresAt: number } {
    if (credential instanceof ClientCertificate)
      throw new HubError('unauthorized', 'A back end shows a token, not a certificate');
    if (credential instanceof EntraPrincipal) {
      if (!isDataAction(permission))
        throw new HubError('unauthorized', 'Only a shared access signature is taken here');
      this.#entra.checkMay(credential, permission, path);
      return { expiresAt: credential.expiresAt };
    }
    const sas = this.#parse(credential);
    if (sas.policyName === undefined)
      throw new HubError('unauthorized', 'The token names no shared access policy (skn)');
    if (this.#entra.isLocalAuthDisabled && isDataAction(permission))
      throw new HubError('unauthorized', 'Shared access policies are disabled for back ends');
    this.#checkPolicy(sas, sas.policyName, rightFor(permission));
    this.#checkCovers(sas, path);
    return { policyName: sas.policyName, expiresAt: sas.expiresAt };
  }

  /** For a device or module, by its key: its own keys or certificate, or a policy that lets devices connect. */
  device(credential: Credential, deviceId: string): { expiresAt: number } {
    const identity = this.#state.registry.find(deviceId);
    if (credential instanceof EntraPrincipal)
      throw new HubError('unauthorized', 'Devices cannot use Entra tokens');
    if (credential instanceof ClientCertificate) {
      const enabled = this.#checkEnabled(identity, deviceId);
      return this.#deviceByCertificate(credential, deviceId, enabled);
    }
    const sas = this.#parse(credential);
    this.#checkEnabled(identity, deviceId);
    if (sas.policyName !== undefined) this.#checkPolicy(sas, sas.policyName, 'deviceConnect');
    else if (identity?.authenticationType !== 'sas' || !isSignedWithEither(sas, identity))
      throw new HubError('unauthorized', `The token is not signed with a key of '${deviceId}'`);
    this.#checkCovers(sas, identityPath(deviceId));
    return { expiresAt: sas.expiresAt };
  }

  #checkEnabled(identity: DeviceIdentity | undefined, deviceId: string): DeviceIdentity {
    if (identity?.status === 'enabled') return identity;
    throw new HubError(
      'unauthorized',
      `IotHub '${this.#state.hostName}' does not contain the specified device '${deviceId}', or it is disabled`,
    );
  }

  #deviceByCertificate(
    certificate: ClientCertificate,
    deviceId: string,
    { authenticationType, x509Thumbprint }: DeviceIdentity,
  ): { expiresAt: number } {
    const now = this.#wallClock();
    if (!certificate.isValidAt(now))
      throw new HubError('unauthorized', 'The certificate is expired, or not valid yet');
    switch (authenticationType) {
      case 'selfSigned':
        if (certificate.hasThumbprint(Object.values(x509Thumbprint ?? {}))) break;
        throw new HubError('unauthorized', `The certificate has no thumbprint of '${deviceId}'`);
      case 'certificateAuthority':
        // Of a module it is `device/module`.
        if (certificate.commonName !== deviceId)
          throw new HubError('unauthorized', `The certificate's common name is not '${deviceId}'`);
        if (certificate.isIssuedBelow(this.#state.certificateAuthorities.certificates(), now))
          break;
        throw new HubError('unauthorized', 'No authority of the hub signed the certificate');
      case 'sas':
      case 'none':
        throw new HubError('unauthorized', `The device '${deviceId}' has no certificate`);
    }
    return { expiresAt: certificate.expiresAt };
  }

  #parse(token: string): SasToken {
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
