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
