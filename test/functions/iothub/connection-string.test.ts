import { describe, expect, test } from '@jest/globals';
import { parseConnectionString } from '../../../functions/iothub/connection-string.ts';

const KEY = Buffer.from('a key of thirty-two bytes, or so').toString('base64');
const GOOD = `HostName=my-hub.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=${KEY}`;

describe('parseConnectionString', () => {
  test('reads host, policy and key, whose padding holds equals signs', () => {
    expect(parseConnectionString(GOOD)).toEqual({
      hostName: 'my-hub.azure-devices.net',
      keyName: 'service',
      key: KEY,
    });
    expect(KEY.endsWith('=')).toBe(true);
  });

  test('takes the parts in any order, in any case, with spaces and a last semicolon', () => {
    const text = ` sharedaccesskey=${KEY} ; HOSTNAME=localhost ;SharedAccessKeyName=iothubowner; `;

    expect(parseConnectionString(text)).toEqual({
      hostName: 'localhost',
      keyName: 'iothubowner',
      key: KEY,
    });
  });

  test.each([
    ['nothing', '', ['HostName is missing', 'SharedAccessKeyName is missing']],
    ['no key', GOOD.replace(KEY, ''), ['SharedAccessKey is missing']],
    ['a key cut off', GOOD.slice(0, -2), ['not base64']],
    ['a host with a port', GOOD.replace('.net', '.net:5671'), ['host name alone']],
    ['a host with a scheme', GOOD.replace('my-hub', 'https://my-hub'), ['host name alone']],
    ['a device', `${GOOD};DeviceId=device-1`, ["a device's connection string"]],
    ['Event Hubs', `Endpoint=sb://x/;EntityPath=y;${GOOD}`, ['an Event Hubs', 'none of']],
    ['a part twice', `${GOOD};HostName=other`, ['HostName stands twice']],
    ['a part without a name', `${GOOD};just text`, ['none of']],
  ])('refuses %s and says so', (_what, text, faults) => {
    for (const fault of faults) expect(() => parseConnectionString(text)).toThrow(fault);
  });

  test('shows no value in its errors: it may be a key', () => {
    const secret = 'c2VjcmV0';

    expect(() => parseConnectionString(`HostName=${secret}//;Key=${secret};${secret}`)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    );
  });
});
