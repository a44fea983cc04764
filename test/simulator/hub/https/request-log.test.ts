import { afterEach, beforeEach, expect, describe, test } from '@jest/globals';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(() => hub.head.stop());

describe('the log of requests', () => {
  test('says who asked for what about whom, and what was answered', async () => {
    await hub.send('GET /devices/device-1', { policy: 'registryRead' });
    await hub.send('GET /devices/nobody');

    expect(hub.log.entries().map(({ event, detail }) => Object.assign({ event }, detail))).toEqual([
      {
        event: 'GET /devices/{deviceId}',
        by: 'policy registryRead',
        deviceId: 'device-1',
        status: 200,
        ms: expect.any(Number),
      },
      expect.objectContaining({ deviceId: 'nobody', status: 404, failure: 'DeviceNotFound' }),
    ]);
  });

  test('has the bodies of both ways if it is asked to', async () => {
    await hub.send('PATCH /twins/device-1', { body: { tags: { secret: 1 } } });
    hub.log.keepsPayloads = true;
    const { text } = await hub.send('PATCH /twins/device-1', { body: { tags: { open: 1 } } });

    const [without, kept] = hub.log.entries().map(({ payloads }) => payloads);
    expect(without).toBeUndefined();
    expect(kept?.received?.toString()).toBe('{"tags":{"open":1}}');
    expect(kept?.sent?.toString()).toBe(text);
  });
});
