import type { Credential } from './credential.ts';
import { EntraPrincipal } from './entra-tenant.ts';
import { parseSasToken } from './sas-token.ts';

/** For logs and lists: whom a credential speaks for, whether it is valid or not. */
export function whoIs(credential: Credential): string {
  if (credential instanceof EntraPrincipal) return `Entra ${credential.objectId}`;
  if (typeof credential !== 'string') return `certificate ${credential.commonName ?? ''}`.trim();
  if (/^Bearer /i.test(credential)) return 'Entra token';
  try {
    const { policyName, resource } = parseSasToken(credential);
    if (policyName !== undefined) return `policy ${policyName}`;
    const [, , deviceId, , moduleId] = resource.replace(/^[a-z]+:\/\//i, '').split('/');
    if (deviceId === undefined) return 'unknown';
    return moduleId === undefined ? `device ${deviceId}` : `module ${deviceId}/${moduleId}`;
  } catch {
    return 'unknown';
  }
}
