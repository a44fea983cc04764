import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestHub, type Response, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(async () => {
  await hub.head.stop();
});

function query(headers: Record<string, string> = {}, text = 'SELECT * FROM devices') {
  return hub.send('POST /devices/query', { headers, body: { query: text } });
}

function idsOf({ json }: Response): string[] {
  return (json as { deviceId: string }[]).map(({ deviceId }) => deviceId);
}

describe('POST /devices/query', () => {
  test('gives what the service tells of a device in a query', async () => {
    const response = await query();

    expect(response.status).toBe(200);
    expect(response.headers['x-ms-item-type']).toBe('Twin');
    expect(response.headers['x-ms-continuation']).toBeUndefined();
    expect(response.json).toEqual([
      {
        deviceId: 'device-1',
        etag: 'AAAAAAAAAAE=',
        deviceEtag: hub.state.registry.get('device-1').etag,
        status: 'enabled',
        statusReason: null,
        statusUpdateTime: '0001-01-01T00:00:00Z',
        connectionState: 'Disconnected',
        lastActivityTime: '0001-01-01T00:00:00Z',
        cloudToDeviceMessageCount: 0,
        authenticationType: 'sas',
        x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
        modelId: '',
        version: 2,
        tags: {},
        properties: {
          desired: { $metadata: { $lastUpdated: '0001-01-01T00:00:00Z' }, $version: 1 },
          reported: { $metadata: { $lastUpdated: '0001-01-01T00:00:00Z' }, $version: 1 },
        },
        capabilities: { iotEdge: false },
      },
    ]);
  });

  test('goes on where the last page ended, although a device is gone since', async () => {
    for (let index = 2; index <= 5; index++)
      hub.state.registry.create({ deviceId: `device-${index}` });
    const size = { 'x-ms-max-item-count': '2' };

    const first = await query(size);
    hub.state.registry.delete('device-2');
    const second = await query({
      ...size,
      'x-ms-continuation': String(first.headers['x-ms-continuation']),
    });
    const third = await query({
      ...size,
      'x-ms-continuation': String(second.headers['x-ms-continuation']),
    });

    expect(idsOf(first)).toEqual(['device-1', 'device-2']);
    expect(idsOf(second)).toEqual(['device-3', 'device-4']);
    expect(idsOf(third)).toEqual(['device-5']);
    expect(third.headers['x-ms-continuation']).toBeUndefined();
  });

  test.each([
    ['a token of its own', { 'x-ms-continuation': 'abc' }],
    ['a page of nothing', { 'x-ms-max-item-count': '0' }],
    ['a page of half an item', { 'x-ms-max-item-count': '1.5' }],
    ['a page of words', { 'x-ms-max-item-count': 'all' }],
  ])('refuses %s', async (_, headers) => {
    expect((await query(headers)).status).toBe(400);
  });

  test('says where a query is wrong', async () => {
    const response = await query({}, 'SELECT * FROM devices WHERE');

    expect(response.status).toBe(400);
    expect(response.json).toMatchObject({
      Message:
        'ErrorCode:ArgumentInvalid;The query is invalid at line 1, column 28: a value is expected, not the end',
    });
  });

  test('reads the query whatever its case and spaces', async () => {
    expect((await query({}, '  select *\n\tfrom   DEVICES ')).status).toBe(200);
  });

  test.each(['', '{', '{"query":7}', '"SELECT * FROM devices"'])(
    'refuses the body %j',
    async (body) => {
      expect((await hub.send('POST /devices/query', { body })).status).toBe(400);
    },
  );
});

describe('the query language', () => {
  beforeEach(() => {
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

  test('does not go on in another collection', async () => {
    hub.state.registry.create({ deviceId: 'device-1', moduleId: 'valve' });
    const size = { 'x-ms-max-item-count': '1' };
    const first = await query(size, 'SELECT * FROM devices.modules');
    const next = { ...size, 'x-ms-continuation': String(first.headers['x-ms-continuation']) };

    expect((await query(next, 'SELECT * FROM devices.modules')).status).toBe(200);
    expect((await query(next, 'SELECT * FROM devices')).status).toBe(400);
  });
});
