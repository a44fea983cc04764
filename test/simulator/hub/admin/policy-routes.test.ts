import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import { adminOf, tokenOf, type Admin } from './admin-client.ts';

const KEY = Buffer.alloc(32, 5).toString('base64');

let hub: SimulatedHub;
let admin: Admin;
beforeAll(async () => {
  hub = await startHub({ clock: new ManualClock() });
  admin = adminOf(hub);
});
afterAll(() => hub.stop());

describe('/$downlink/policies', () => {
  test('adds a policy, changes its rights and keeps its keys, shows and removes it', async () => {
    const rights = ['serviceConnect'];
    const added = await admin('PUT /policies/sender', { body: { rights, primaryKey: KEY } });
    const before = hub.connectionString('sender');
    await admin('PUT /policies/sender', { body: { rights: ['registryRead'] } });
    const plain = JSON.stringify((await admin('GET /policies')).json);
    const { json: withKeys } = await admin('GET /policies?keys=true');
    const removed = await admin('DELETE /policies/sender');

    expect(added.json).toEqual({ name: 'sender', rights });
    expect(before).toContain(KEY);
    expect(plain).toContain('{"name":"sender","rights":["registryRead"]}');
    expect(JSON.stringify(withKeys)).toContain(KEY);
    expect([removed.status, hub.state.policies.find('sender')]).toEqual([204, undefined]);
  });

  test('gives the owner new keys, which open it from then on alone', async () => {
    const before = tokenOf(hub);

    await admin('PUT /policies/iothubowner', { body: { primaryKey: KEY } });

    expect((await admin('GET /clock', { token: before })).status).toBe(401);
    expect((await admin('GET /clock')).status).toBe(200);
  });

  test.each([
    ['PUT /policies/new', {}],
    ['PUT /policies/new', { rights: [] }],
    ['PUT /policies/new', { rights: ['everything'] }],
    ['PUT /policies/a%20b', { rights: ['serviceConnect'] }],
    ['PUT /policies/service', { primaryKey: 'short' }],
    ['PUT /policies/iothubowner', { rights: ['serviceConnect'] }],
    ['DELETE /policies/iothubowner', undefined],
  ])('refuses %s %j', async (line, body) => {
    const before = hub.state.policies.list();

    expect((await admin(line, { body })).status).toBe(400);
    expect(hub.state.policies.list()).toEqual(before);
  });

  test('does not know what is not there', async () => {
    expect((await admin('DELETE /policies/nobody')).status).toBe(404);
  });
});
