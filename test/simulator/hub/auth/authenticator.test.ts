import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import { Authenticator } from '../../../../simulator/hub/auth/authenticator.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import { kindOf } from '../state/builders.ts';

const NOW = Date.UTC(2026, 0, 1);
const IN_AN_HOUR = NOW / 1000 + 3600;

function aHub(hostName = 'hub.azure-devices.net') {
  const state = new HubState({ hostName });
  state.registry.create({ deviceId: 'device-1' });
  state.registry.create({ deviceId: 'device-2' });
  return { state, authenticator: new Authenticator(state, () => NOW) };
}

function ownerKey(state: HubState, policyName = 'iothubowner'): string {
  return state.policies.find(policyName)?.primaryKey ?? '';
}

/** Made the way the specification says, independent of the code under test. */
function aToken(
  resource: string,
  key: string | Buffer,
  { expiry = IN_AN_HOUR, policyName = '' } = {},
): string {
  const sr = encodeURIComponent(resource);
  const secret = typeof key === 'string' ? Buffer.from(key, 'base64') : key;
  const sig = createHmac('sha256', secret).update(`${sr}\n${expiry}`).digest('base64');
  const skn = policyName === '' ? '' : `&skn=${policyName}`;
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${expiry}${skn}`;
}

describe('Authenticator.service', () => {
  test("accepts the official SDK's token", () => {
    const { state, authenticator } = aHub();
    const token = iotCommon.SharedAccessSignature.create(
      state.hostName,
      'service',
      ownerKey(state, 'service'),
      IN_AN_HOUR,
    ).toString();

    expect(authenticator.service(token, 'serviceConnect')).toEqual({
      policyName: 'service',
      expiresAt: IN_AN_HOUR * 1000,
    });
  });

  test.each([
    ['another case', 'HUB.Azure-Devices.NET'],
    ['a port', 'hub.azure-devices.net:5671'],
    ['a scheme and a final slash', 'amqps://hub.azure-devices.net/'],
  ])('recognises the host with %s', (_, resource) => {
    const { state, authenticator } = aHub();
    const token = aToken(resource, ownerKey(state), { policyName: 'iothubowner' });

    expect(authenticator.service(token, 'registryWrite').policyName).toBe('iothubowner');
  });

  test('accepts the secondary key, and a key that is taken as text as Event Hubs does', () => {
    const { state, authenticator } = aHub();
    const { secondaryKey = '' } = state.policies.find('service') ?? {};
    const byText = Buffer.from(secondaryKey);

    for (const key of [secondaryKey, byText]) {
      const token = aToken(state.hostName, key, { policyName: 'service' });
      expect(authenticator.service(token, 'serviceConnect').policyName).toBe('service');
    }
  });

  test('verifies the resource as it was encoded by whoever signed it', () => {
    const { state, authenticator } = aHub();
    const sr = 'hub%2eazure-devices.net';
    const secret = Buffer.from(ownerKey(state), 'base64');
    const sig = createHmac('sha256', secret).update(`${sr}\n${IN_AN_HOUR}`).digest('base64');
    const token = `SharedAccessSignature sig=${encodeURIComponent(sig)}&skn=iothubowner&se=${IN_AN_HOUR}&sr=${sr}`;

    expect(authenticator.service(token, 'serviceConnect').policyName).toBe('iothubowner');
  });

  test('accepts a token for a part of the hub for that part only', () => {
    const { state, authenticator } = aHub();
    const token = aToken(`${state.hostName}/devices`, ownerKey(state), {
      policyName: 'iothubowner',
    });

    expect(authenticator.service(token, 'registryRead', ['devices', 'device-1'])).toBeTruthy();
    expect(kindOf(() => authenticator.service(token, 'registryRead', ['twins', 'device-1']))).toBe(
      'unauthorized',
    );
    expect(kindOf(() => authenticator.service(token, 'serviceConnect'))).toBe('unauthorized');
  });

  test.each([
    ['registryRead', 'registryWrite'],
    ['registryRead', 'serviceConnect'],
    ['registryReadWrite', 'serviceConnect'],
    ['service', 'registryRead'],
    ['service', 'deviceConnect'],
    ['device', 'serviceConnect'],
  ] as const)('refuses the policy %s the right %s', (policyName, right) => {
    const { state, authenticator } = aHub();
    const token = aToken(state.hostName, ownerKey(state, policyName), { policyName });

    expect(kindOf(() => authenticator.service(token, right))).toBe('unauthorized');
  });

  test('refuses a token from the moment it expires', () => {
    const { state, authenticator } = aHub();
    const token = aToken(state.hostName, ownerKey(state), {
      expiry: NOW / 1000,
      policyName: 'iothubowner',
    });

    expect(kindOf(() => authenticator.service(token, 'serviceConnect'))).toBe('tokenExpired');
  });

  test('refuses an expiry that was moved after signing', () => {
    const { state, authenticator } = aHub();
    const token = aToken(state.hostName, ownerKey(state), { policyName: 'iothubowner' });

    const moved = token.replace(String(IN_AN_HOUR), String(IN_AN_HOUR + 1));

    expect(kindOf(() => authenticator.service(moved, 'serviceConnect'))).toBe('unauthorized');
  });

  test.each([
    ['of another hub', 'other.azure-devices.net'],
    ['of a host that only begins alike', 'hub.azure-devices.net.example.com'],
    ['of a device', 'hub.azure-devices.net/devices/device-1'],
  ])('refuses a token %s', (_, resource) => {
    const { state, authenticator } = aHub();
    const token = aToken(resource, ownerKey(state), { policyName: 'iothubowner' });

    expect(kindOf(() => authenticator.service(token, 'serviceConnect'))).toBe('unauthorized');
  });

  test('refuses a key of another policy, and one of no policy', () => {
    const { state, authenticator } = aHub();
    const tokens = [
      aToken(state.hostName, ownerKey(state, 'device'), { policyName: 'iothubowner' }),
      aToken(state.hostName, ownerKey(state), { policyName: 'nobody' }),
      aToken(state.hostName, ownerKey(state)),
    ];

    for (const token of tokens)
      expect(kindOf(() => authenticator.service(token, 'serviceConnect'))).toBe('unauthorized');
  });

  test.each([
    '',
    'SharedAccessSignature',
    'SharedAccessSignature ',
    'SharedAccessSignature sr=&sig=&se=&skn=',
    'SharedAccessSignature sr=hub.azure-devices.net&sig=%&se=9999999999&skn=iothubowner',
    'SharedAccessSignature sr=%E0%A4%A&sig=abc&se=9999999999&skn=iothubowner',
    'SharedAccessSignature sr=hub.azure-devices.net&sig=abc&se=soon&skn=iothubowner',
    'SharedAccessSignature sr=hub.azure-devices.net&sig=abc&se=9999999999999999&skn=iothubowner',
    'Bearer eyJhbGciOi.J9.x',
    'Basic dXNlcjpwYXNz',
  ])('refuses %j', (token) => {
    expect(kindOf(() => aHub().authenticator.service(token, 'serviceConnect'))).toBe(
      'unauthorized',
    );
  });
});

describe('Authenticator.device', () => {
  const audience = 'hub.azure-devices.net/devices/device-1';

  test("accepts the official SDK's token with either key", () => {
    const { state, authenticator } = aHub();
    const { primaryKey, secondaryKey } = state.registry.get('device-1');

    for (const key of [primaryKey, secondaryKey]) {
      const token = iotCommon.SharedAccessSignature.create(
        audience,
        undefined as never,
        key,
        IN_AN_HOUR,
      ).toString();
      expect(authenticator.device(token, 'device-1')).toEqual({ expiresAt: IN_AN_HOUR * 1000 });
    }
  });

  test('accepts an id that needs encoding, encoded once or twice', () => {
    const { state, authenticator } = aHub();
    const deviceId = "a%25-:.+%_#*?!(),=@;$'";
    const { primaryKey } = state.registry.create({ deviceId });

    for (const id of [deviceId, encodeURIComponent(deviceId)]) {
      const token = aToken(`hub.azure-devices.net/devices/${id}`, primaryKey);
      expect(authenticator.device(token, deviceId).expiresAt).toBe(IN_AN_HOUR * 1000);
    }
  });

  test('refuses the token of another device, at once and whichever way it is used', () => {
    const { state, authenticator } = aHub();
    const { primaryKey } = state.registry.get('device-2');
    const ownToken = aToken('hub.azure-devices.net/devices/device-2', primaryKey);
    const forged = aToken(audience, primaryKey);

    expect(kindOf(() => authenticator.device(ownToken, 'device-1'))).toBe('unauthorized');
    expect(kindOf(() => authenticator.device(forged, 'device-1'))).toBe('unauthorized');
  });

  test('compares ids whole', () => {
    const { state, authenticator } = aHub();
    const { primaryKey } = state.registry.create({ deviceId: 'device-10' });
    const token = aToken(audience, primaryKey);

    expect(kindOf(() => authenticator.device(token, 'device-10'))).toBe('unauthorized');
  });

  test('accepts a policy that lets devices connect, for the hub or for the device', () => {
    const { state, authenticator } = aHub();
    const key = ownerKey(state, 'device');

    for (const resource of [state.hostName, `${state.hostName}/devices`, audience]) {
      const token = aToken(resource, key, { policyName: 'device' });
      expect(authenticator.device(token, 'device-1').expiresAt).toBe(IN_AN_HOUR * 1000);
    }
    const service = aToken(audience, ownerKey(state, 'service'), { policyName: 'service' });
    expect(kindOf(() => authenticator.device(service, 'device-1'))).toBe('unauthorized');
  });

  test('refuses a device that is unknown, disabled or was created anew', () => {
    const { state, authenticator } = aHub();
    const token = aToken(audience, state.registry.get('device-1').primaryKey);
    const refusal = () => kindOf(() => authenticator.device(token, 'device-1'));

    state.registry.update({ deviceId: 'device-1', status: 'disabled' }, '*');
    expect(refusal()).toBe('unauthorized');
    state.registry.update({ deviceId: 'device-1', status: 'enabled' }, '*');
    expect(authenticator.device(token, 'device-1')).toBeTruthy();
    state.registry.delete('device-1');
    expect(refusal()).toBe('unauthorized');
    state.registry.create({ deviceId: 'device-1' });
    expect(refusal()).toBe('unauthorized');
  });

  test('refuses an expired token', () => {
    const { state, authenticator } = aHub();
    const { primaryKey } = state.registry.get('device-1');
    const token = aToken(audience, primaryKey, { expiry: NOW / 1000 - 1 });

    expect(kindOf(() => authenticator.device(token, 'device-1'))).toBe('tokenExpired');
  });
});
