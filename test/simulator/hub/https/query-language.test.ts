import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(async () => {
  await hub.head.stop();
});

function query(headers: Record<string, string>, text: string) {
  return hub.send('POST /devices/query', { headers, body: { query: text } });
}

describe('the query language', () => {
  beforeAll(() => {
    const { registry, twins } = hub.state;
    registry.create({ deviceId: 'device-2' });
    registry.create({ deviceId: 'device-3', status: 'disabled' });
    registry.create({ deviceId: 'device-1', moduleId: 'pump' });
    registry.setConnected('device-2', true);
    twins.patch('device-1', {
      tags: { site: 'munich', 'a-b': 1 },
      desired: { speed: 5, on: true },
    });
    twins.patch('device-2', { tags: { site: 'turin' }, desired: { speed: 7, on: null } });
    twins.report('device-2', { speed: 7, mode: 'eco', list: [1], version: null });
    twins.patch('device-3', { tags: { site: 'munich' }, desired: { speed: '7' } });
  });

  async function rows(text: string, size?: string): Promise<unknown> {
    const { status, json: found } = await query(size ? { 'x-ms-max-item-count': size } : {}, text);
    expect(status).toBe(200);
    return found;
  }

  test.each([
    ["deviceId = 'device-2'", '2'],
    ["DEVICEID = 'device-2'", '2'],
    ['deviceId = "device-\\u0032"', '2'],
    ["devices.deviceId IN ['device-1', 'device-3', 'x']", '13'],
    ["deviceId NIN ['device-1', 'device-3']", '2'],
    ["STARTSWITH(deviceId, 'device') AND NOT deviceId = 'device-1'", '23'],
    ["deviceId IN ['device-3', 'device-1', 'device-1', 7, 'none'] AND status = 'enabled'", '1'],
    ["tags.site = 'munich' AND deviceId IN ['device-3', 'device-1', 'device-2']", '13'],
    ["deviceId IN ['device-2', tags.site]", '2'],
    ["deviceId IN [] OR deviceId = 'device-3'", '3'],
    ['deviceId = 7', ''],
    ["connectionState = 'Connected'", '2'],
    ["status = 'enabled' AND connectionState = 'Disconnected'", '1'],
    ["status = 'disabled' OR connectionState = 'Connected'", '23'],
    ["tags.site = 'munich'", '13'],
    ["tags.Site = 'munich'", ''],
    ["tags.site != 'munich'", '2'],
    ["tags.site <> 'munich'", '2'],
    ['tags.[[a-b]] = 1', '1'],
    ['properties.desired.speed > 5', '2'],
    ['properties.desired.speed < 10', '12'],
    ["deviceId > 'device-1' AND deviceId <= 'device-3'", '23'],
    ['properties.desired.speed >= 5 AND properties.desired.speed <= 0x7', '12'],
    ["properties.desired.speed = '7'", '3'],
    ['properties.desired.speed = properties.reported.speed', '2'],
    ['properties.desired.speed + 2 * 3 - 1 = 10', '1'],
    ['properties.desired.speed % 2 = 1 AND -properties.desired.speed < -5', '2'],
    ['properties.desired.speed / 0 > 0', ''],
    ['properties.desired.$version = 2', '123'],
    ['properties.desired.on = true', '1'],
    ['properties.desired.on', '1'],
    ['NOT properties.desired.on', ''],
    ['is_defined(properties.reported.mode)', '2'],
    ['NOT IS_DEFINED(properties.reported.mode)', '13'],
    ['statusReason = null', '123'],
    ['statusReason = undefined', ''],
    ['properties.reported.list = properties.reported.list', ''],
    ["properties.reported.absent = 1 OR tags.site = 'turin'", '2'],
    ["NOT (properties.reported.absent = 1 AND tags.site = 'turin')", '13'],
    ['capabilities.iotEdge = false', '123'],
    ["tags.__proto__ = 1 OR tags.constructor.name = 'Object'", ''],
    ["lastActivityTime >= '2025-01-01T00:00:00Z'", '2'],
    ["tags.site = 'munich' AND (status = 'disabled' OR properties.desired.on = true)", '13'],
  ])('selects by %s', async (condition, expected) => {
    const found = (await rows(`SELECT * FROM devices WHERE ${condition}`)) as {
      deviceId: string;
    }[];

    expect(found.map(({ deviceId }) => deviceId.replace('device-', '')).join('')).toBe(expected);
  });

  test.each([
    [
      'SELECT deviceId, tags.site FROM devices',
      [
        ['device-1', 'munich'],
        ['device-2', 'turin'],
      ],
    ],
    ["SELECT DeviceId, tags.site FROM devices WHERE tags.site != ''", [['device-1', 'munich']]],
  ])('projects: %s', async (text, expected) => {
    const found = (await rows(text)) as object[];

    for (const [place, [deviceId, site]] of expected.entries())
      expect(found[place]).toEqual({ deviceId, site });
  });

  test('names fields by alias, leaves out what is not there, and says that they are no twins', async () => {
    const text =
      'SELECT deviceId AS id, properties.reported.mode FROM devices WHERE deviceId IN ["device-1", "device-2"]';

    const response = await query({}, text);

    expect(response.headers['x-ms-item-type']).toBe('Raw');
    expect(response.json).toEqual([{ id: 'device-1' }, { id: 'device-2', mode: 'eco' }]);
  });

  test.each([
    ['SELECT COUNT() AS total FROM devices', [{ total: 3 }]],
    ["SELECT count() FROM devices WHERE status = 'disabled'", [{ $1: 1 }]],
    ["SELECT COUNT() AS none FROM devices WHERE tags.site = 'rome'", [{ none: 0 }]],
    [
      'SELECT tags.site AS site, COUNT() AS number FROM devices GROUP BY tags.site',
      [
        { site: 'munich', number: 2 },
        { site: 'turin', number: 1 },
      ],
    ],
    [
      'SELECT properties.reported.mode, COUNT() AS n FROM devices GROUP BY properties.reported.mode',
      [{ n: 2 }, { mode: 'eco', n: 1 }],
    ],
    [
      'SELECT AVG(properties.desired.speed) AS mean, SUM(properties.desired.speed), MIN(properties.desired.speed), MAX(devices.properties.desired.speed) FROM devices',
      [{ mean: 6, $1: 12, $2: 5, $3: 7 }],
    ],
    ['SELECT AVG(tags.absent) AS mean FROM devices', [{}]],
  ])('aggregates: %s', async (text, expected) => {
    expect(await rows(text)).toEqual(expected);
  });

  test('has the modules in a collection of their own', async () => {
    const text =
      "SELECT deviceId, moduleId FROM devices.modules WHERE devices.modules.moduleId = 'pump'";

    expect(await rows(text)).toEqual([{ deviceId: 'device-1', moduleId: 'pump' }]);
    const ofDevice = "SELECT moduleId FROM devices.modules WHERE deviceId = 'device-1'";
    expect(await rows(ofDevice)).toEqual([{ moduleId: 'pump' }]);
    expect(await rows(ofDevice.replace('device-1', 'device-1/pump'))).toEqual([]);
    expect(await rows("SELECT * FROM devices WHERE moduleId = 'pump'")).toEqual([]);
  });

  test.each([
    ["SELECT deviceId FROM devices WHERE tags.site = 'munich'", 2],
    ["SELECT deviceId FROM devices WHERE deviceId IN ['device-3', 'device-1']", 2],
    ['SELECT TOP 2 deviceId FROM devices', 2],
    ['SELECT tags.site, COUNT() FROM devices GROUP BY tags.site', 2],
  ])('goes on page by page: %s', async (text, total) => {
    const whole = await rows(text);
    const paged: unknown[] = [];
    let next: string | undefined;
    let pages = 0;
    do {
      const headers = { 'x-ms-max-item-count': '1', ...(next && { 'x-ms-continuation': next }) };
      const response = await query(headers, text);
      paged.push(...(response.json as unknown[]));
      next = response.headers['x-ms-continuation'] as string | undefined;
      pages++;
    } while (next !== undefined);

    expect([paged, pages]).toEqual([whole, total]);
  });

  test('bears the longest of conditions', async () => {
    const long = `SELECT * FROM devices WHERE a${' OR a'.repeat(1620)} OR deviceId = 'device-2'`;

    expect(await rows(long)).toMatchObject([{ deviceId: 'device-2' }]);
  });

  test('does not go on in another collection', async () => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'valve' });
    const size = { 'x-ms-max-item-count': '1' };
    const first = await query(size, 'SELECT * FROM devices.modules');
    const next = { ...size, 'x-ms-continuation': String(first.headers['x-ms-continuation']) };

    expect((await query(next, 'SELECT * FROM devices.modules')).status).toBe(200);
    expect((await query(next, 'SELECT * FROM devices')).status).toBe(400);
  });
});
