import { describe, expect, test } from '@jest/globals';
import { EntraPrincipal } from '../../../../simulator/hub/auth/entra-tenant.ts';
import { newSasToken } from '../../../../simulator/hub/auth/sas-token.ts';
import { whoIs } from '../../../../simulator/hub/auth/who-is.ts';

const key = Buffer.alloc(32, 1).toString('base64');
const token = (resource: string, policyName?: string): string =>
  newSasToken({ resource, key, expiresAt: 0, ...(policyName !== undefined && { policyName }) });

describe('who a credential speaks for', () => {
  test.each([
    [token('hub', 'service'), 'policy service'],
    [token('hub/devices/a'), 'device a'],
    [token('hub/devices/a/modules/m'), 'module a/m'],
    [token('hub/devices/a', 'device'), 'policy device'],
    [token('hub'), 'unknown'],
    ['Bearer x.y.z', 'Entra token'],
    ['SharedAccessSignature sr=%&sig=x&se=1', 'unknown'],
    ['', 'unknown'],
  ])('%s: %s', (credential, name) => {
    expect(whoIs(credential)).toBe(name);
  });

  test('is the object that an Entra token was verified for', () => {
    expect(whoIs(new EntraPrincipal('0000-1', 0))).toBe('Entra 0000-1');
  });
});
