import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { aMessage, startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

describe('DeviceQueuePurger.purge', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest();
  });

  afterEach(async () => {
    await server.stop();
  });

  test('empties the queue and says how many messages it held', async () => {
    const { sender, purger } = server.connect();
    for (const messageId of ['one', 'two', 'three']) await sender.send(aMessage({ messageId }));

    expect(await purger.purge('device-1')).toBe(3);
    expect(await purger.purge('device-1')).toBe(0);
  });

  test('rejects for a device that the hub does not know', async () => {
    await expect(server.connect().purger.purge('nobody?#')).rejects.toMatchObject({
      code: 'device-not-found',
    });
  });

  test.each([
    [429, 'throttled'],
    [500, 'hub-unavailable'],
  ])('understands HTTP %i as %s', async (httpStatus, code) => {
    server.hub.faults.add('https-request', { kind: 'error', httpStatus });

    await expect(server.connect().purger.purge('device-1')).rejects.toMatchObject({ code });
  });
});
