import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../../../support/until.ts';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(async () => {
  await hub.head.stop();
});
beforeEach(() => {
  hub.state.registry.delete('device-1');
  hub.state.registry.create({ deviceId: 'device-1' });
});

const TWIN = '/twins/device-1';

describe('/twins/{deviceId}', () => {
  test('PATCH answers with the whole twin, as GET and the query then do', async () => {
    hub.state.twins.report('device-1', { on: true });
    const body = { tags: { room: 7 }, properties: { desired: { level: 3 } } };

    const patched = await hub.send(`PATCH ${TWIN}`, { body, headers: { 'if-match': '"*"' } });
    const read = await hub.send(`GET ${TWIN}`);
    const queried = await hub.send('POST /devices/query', {
      body: { query: 'SELECT * FROM devices' },
    });

    const now = new Date(hub.clock.now()).toISOString();
    const stamp = { $lastUpdated: now, $lastUpdatedVersion: 2 };
    expect(patched.json).toMatchObject({
      deviceId: 'device-1',
      etag: 'AAAAAAAAAAI=',
      version: 4,
      tags: { room: 7 },
      properties: {
        desired: { level: 3, $version: 2, $metadata: { ...stamp, level: stamp } },
        reported: { on: true, $version: 2, $metadata: { on: { $lastUpdated: now } } },
      },
    });
    expect(patched.headers.etag).toBe('"AAAAAAAAAAI="');
    expect(read.json).toEqual(patched.json);
    expect(queried.json).toEqual([patched.json]);
  });

  test('POST that means PATCH patches, as the Java SDK has it', async () => {
    const headers = { 'x-http-method-override': 'PATCH' };

    const patched = await hub.send(`POST ${TWIN}`, { body: { tags: { room: 8 } }, headers });

    expect(patched.json).toMatchObject({ tags: { room: 8 } });
  });

  test('PUT replaces, and reported properties are not the back end’s', async () => {
    hub.state.twins.patch('device-1', { tags: { a: 1 }, desired: { b: 1, c: 1 } });
    const properties = { desired: { b: 2 }, reported: { forged: true } };

    const { json } = await hub.send(`PUT ${TWIN}`, { body: { tags: {}, properties } });

    expect(json).toMatchObject({ tags: {}, properties: { desired: { b: 2, $version: 3 } } });
    expect(JSON.stringify(json)).not.toMatch(/forged|"c"/);
  });

  test.each(['PATCH', 'PUT'])('%s with an ETag that is not current is 412', async (method) => {
    const headers = { 'if-match': '"abc"' };

    const { status } = await hub.send(`${method} ${TWIN}`, { body: { tags: { a: 1 } }, headers });

    expect([status, hub.state.twins.get('device-1').tags]).toEqual([412, {}]);
  });

  test.each([
    ['an array', []],
    ['text as tags', { tags: 'x' }],
    ['a list as desired properties', { properties: { desired: [] } }],
    ['a key with a dot', { tags: { 'a.b': 1 } }],
    ['no JSON', '{'],
  ])('PATCH of %s is 400', async (_, body) => {
    expect((await hub.send(`PATCH ${TWIN}`, { body })).status).toBe(400);
  });

  test('is 404 for an unknown device and 401 without the right', async () => {
    expect((await hub.send('GET /twins/unknown')).status).toBe(404);
    expect((await hub.send('PATCH /twins/unknown', { body: {} })).status).toBe(404);
    expect((await hub.send(`GET ${TWIN}`, { policy: 'registryRead' })).status).toBe(401);
    expect((await hub.send(`PATCH ${TWIN}`, { policy: 'device', body: {} })).status).toBe(401);
  });
});

describe('a hub whose twins take their time', () => {
  test('makes a change, and answers it, after its latency; whoever missed a subscription by less hears of it', async () => {
    const slow = await startTestHub({ twins: { changeLatencyMs: 50 } });
    const heard: unknown[] = [];
    const body = { properties: { desired: { level: 3 } } };

    const patched = slow.send(`PATCH ${TWIN}`, { body });
    const refused = slow.send(`PUT ${TWIN}`, { body, headers: { 'if-match': '"abc"' } });
    await slow.send(`GET ${TWIN}`);
    slow.state.twins.onDesired('device-1', (change) => heard.push(change.patch));
    expect(slow.state.twins.get('device-1').desired.values).toEqual({});
    const answers = Promise.all([patched, refused]);
    let isAnswered = false;
    const noted = answers.finally(() => {
      isAnswered = true;
    });
    await until('both answers', () => {
      slow.clock.advance(10);
      return isAnswered;
    });

    expect((await noted).map(({ status }) => status)).toEqual([200, 412]);
    expect(heard).toEqual([{ level: 3 }]);
    await slow.head.stop();
  });
});
