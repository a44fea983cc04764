import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { DeviceDirectory } from '../../../functions/devices/device.ts';
import { aMessage, startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

describe('DeviceDirectory', () => {
  let server: HubUnderTest;
  let devices: DeviceDirectory;

  beforeEach(async () => {
    server = await startHubUnderTest();
    ({ devices } = server.connect());
  });

  afterEach(async () => {
    await server.stop();
  });

  test('get shows a device that was never there, without a time of last activity', async () => {
    await server.connect().sender.send(aMessage());

    expect(await devices.get('device-1')).toEqual({
      deviceId: 'device-1',
      status: 'enabled',
      connectionState: 'disconnected',
      queuedMessages: 1,
    });
  });

  test('get shows who is connected, who is disabled and when somebody was active', async () => {
    const { registry } = server.hub.state;
    registry.setConnected('device-1', true);
    registry.create({ deviceId: "off(1)#+'", status: 'disabled' });

    expect(await devices.get('device-1')).toMatchObject({
      connectionState: 'connected',
      lastActivityAt: expect.any(Number),
    });
    expect(await devices.get("off(1)#+'")).toMatchObject({ status: 'disabled' });
  });

  test('get rejects for a device that the hub does not know', async () => {
    await expect(devices.get('nobody')).rejects.toMatchObject({ code: 'device-not-found' });
  });

  test('list goes through all devices page by page and ends', async () => {
    for (let index = 2; index <= 25; index++) {
      server.hub.state.registry.create({ deviceId: `device-${index}` });
    }
    const pages: string[][] = [];
    let continuationToken: string | undefined;
    do {
      const page = await devices.list({
        limit: 10,
        ...(continuationToken !== undefined && { continuationToken }),
      });
      pages.push(page.items.map(({ deviceId }) => deviceId));
      ({ continuationToken } = page);
    } while (continuationToken !== undefined);

    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    expect(new Set(pages.flat()).size).toBe(25);
  });

  test.each([
    ['not base64', '%%%'],
    ['not of this hub', Buffer.from('another').toString('base64url')],
    ['a header of its own', Buffer.from('x\r\nx-evil: 1').toString('base64url')],
    ['empty inside', ''],
  ])('list refuses a token that is %s', async (_what, continuationToken) => {
    await expect(devices.list({ limit: 10, continuationToken })).rejects.toMatchObject({
      code: 'invalid-request',
      faults: [{ path: 'query.continuationToken', message: expect.any(String) }],
    });
  });

  test.each([
    [{ httpStatus: 429, code: 429001 }, 'throttled'],
    [{ httpStatus: 500, code: 500001 }, 'hub-unavailable'],
    [{ httpStatus: 503, code: 503001 }, 'hub-unavailable'],
    [{ httpStatus: 401, code: 401003 }, 'hub-unavailable'],
    [{ httpStatus: 404, code: 404000 }, 'hub-unavailable'],
  ])('understands %j as %s, and asks once', async (fault, code) => {
    server.hub.faults.add('https-request', { kind: 'error', ...fault }, 2);

    await expect(devices.get('device-1')).rejects.toMatchObject({ code });
    await expect(devices.list({ limit: 1 })).rejects.toMatchObject({ code });
    expect(server.hub.log.entries()).toHaveLength(2);
  });

  test('is refused with a policy that may not read the registry, and names the setting', async () => {
    const { devices: refused } = server.connect({
      connectionString: server.hub.connectionString('service'),
    });

    await expect(refused.get('device-1')).rejects.toMatchObject({
      code: 'hub-unavailable',
      detail: expect.stringContaining('DOWNLINK_IOTHUB_CONNECTION_STRING'),
    });
  });

  test('does not wait for an answer for ever', async () => {
    const { devices: patient } = server.connect({ bounds: { requestMs: 50 } });
    server.hub.faults.add('https-request', { kind: 'no-answer' });

    await expect(patient.get('device-1')).rejects.toMatchObject({ code: 'hub-unavailable' });
  });
});
