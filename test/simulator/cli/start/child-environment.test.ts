import { describe, expect, test } from '@jest/globals';
import { withoutProxyForLoopback } from '../../../../simulator/cli/start/child-environment.ts';

describe('withoutProxyForLoopback', () => {
  test.each([
    ['nothing is set', {}, 'localhost,127.0.0.1,::1', 'localhost,127.0.0.1,::1'],
    [
      'only one of the two is set',
      { no_proxy: 'intranet, .example.com' },
      'intranet,.example.com,localhost,127.0.0.1,::1',
      'intranet,.example.com,localhost,127.0.0.1,::1',
    ],
    [
      'both are set, differently',
      { NO_PROXY: 'a', no_proxy: 'b' },
      'a,localhost,127.0.0.1,::1',
      'b,localhost,127.0.0.1,::1',
    ],
    [
      'some of it stands there',
      { NO_PROXY: '127.0.0.1,localhost' },
      '127.0.0.1,localhost,::1',
      '127.0.0.1,localhost,::1',
    ],
    ['everything is exempt', { NO_PROXY: '*' }, '*', '*'],
  ])('exempts loopback when %s', (_, env, upper, lower) => {
    expect(withoutProxyForLoopback(env)).toEqual({ ...env, NO_PROXY: upper, no_proxy: lower });
  });

  test('leaves every other variable as it is', () => {
    const env = { HTTPS_PROXY: 'http://proxy:8080', NODE_EXTRA_CA_CERTS: '/own.pem' };

    expect(withoutProxyForLoopback(env)).toMatchObject(env);
  });
});
