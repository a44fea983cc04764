import { describe, expect, test } from '@jest/globals';
import { parseConnectionString } from '../../../simulator/cli/connection-string.ts';
import { isSignedWith, newSasToken, parseSasToken } from '../../../simulator/hub/auth/sas-token.ts';
import { CliProcess } from './cli-process.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');

describe('downlink token', () => {
  test('prints a token of the policy, valid for a day or for as long as told', async () => {
    const before = Date.now();
    const cli = new CliProcess([
      'token',
      `HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=${KEY}`,
      '--ttl',
      '60',
    ]);
    expect(await cli.exitCode).toBe(0);

    const token = parseSasToken(cli.output);

    expect(isSignedWith(token, KEY)).toBe(true);
    expect(token).toMatchObject({ resource: 'localhost', policyName: 'iothubowner' });
    expect(token.expiresAt - before).toBeGreaterThan(58_000);
    expect(token.expiresAt - before).toBeLessThan(120_000);
  });

  test.each([
    [`HostName=h;DeviceId=a b;SharedAccessKey=${KEY}`, 'h/devices/a b', undefined],
    [`HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=${KEY}`, 'h/devices/d/modules/m', undefined],
    [`SharedAccessKeyName=p;HostName=h;SharedAccessKey=${KEY}`, 'h', 'p'],
  ])('reads %s', (text, resource, policyName) => {
    const given = parseConnectionString(text);
    const token = parseSasToken(newSasToken({ ...given, expiresAt: 5000 }));

    expect(given).toEqual({ resource, key: KEY, ...(policyName && { policyName }) });
    expect(token).toMatchObject({ resource, expiresAt: 5000 });
  });

  test.each(['', 'HostName=h', 'HostName=h;SharedAccessKey=secret', 'x'])('refuses %j', (text) => {
    expect(() => parseConnectionString(text)).toThrow(/must have HostName(?!.*secret)/);
  });
});
