import { describe, expect, test } from '@jest/globals';
import { HttpRequest } from '@azure/functions';
import { holdersOfAKey, holdersOfARole } from '../../../functions/http/access.ts';

const ROLE_TYPE = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role';

function requestOf(principal: unknown): HttpRequest {
  const text = typeof principal === 'string' ? principal : JSON.stringify(principal);
  return new HttpRequest({
    method: 'GET',
    url: 'http://localhost/api/devices',
    headers: { 'x-ms-client-principal': Buffer.from(text).toString('base64') },
  });
}

function check(principal: unknown): void {
  holdersOfARole(requestOf(principal), 'Downlink.Read');
}

describe('The principal of App Service authentication', () => {
  test.each([
    ['roles', { typ: 'roles', val: 'Downlink.Read' }],
    ['the type that the principal names', { typ: ROLE_TYPE, val: 'Downlink.Read' }],
  ])('opens what its role opens: %s', (_, claim) => {
    const claims = [{ typ: 'roles', val: 'Other' }, claim];

    expect(() => check({ auth_typ: 'aad', role_typ: ROLE_TYPE, claims })).not.toThrow();
  });

  test.each([
    ['no role', []],
    ['another role', [{ typ: 'roles', val: 'Downlink.Send' }]],
    ['the role in another case', [{ typ: 'roles', val: 'downlink.read' }]],
    ['the role as another claim', [{ typ: 'name', val: 'Downlink.Read' }]],
    ['claims that are none', [null, 7, {}]],
  ])('is forbidden to who has %s', (_, claims) => {
    expect(() => check({ auth_typ: 'aad', claims })).toThrow(/^forbidden: .*Downlink\.Read/);
  });

  test.each([
    [
      'of another provider',
      { auth_typ: 'facebook', claims: [{ typ: 'roles', val: 'Downlink.Read' }] },
    ],
    ['without claims', { auth_typ: 'aad' }],
    ['whose claims are no list', { auth_typ: 'aad', claims: { roles: 'Downlink.Read' } }],
    ['that is no object', 'null'],
    ['that is no JSON', '{'],
    ['that is empty', ''],
  ])('is nobody if it is one %s', (_, principal) => {
    expect(() => check(principal)).toThrow(/^unauthorized: /);
  });

  test('is not looked at where function keys are asked for', () => {
    expect(() => holdersOfAKey(requestOf('{'), 'Downlink.Send')).not.toThrow();
  });
});
