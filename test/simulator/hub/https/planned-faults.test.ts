import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(() => hub.head.stop());

const create = async (): Promise<unknown> => hub.send('PUT /devices/new', { body: {} });

describe('a fault planned for a request', () => {
  test.each([
    ['accept-then-drop-connection', 1],
    ['drop-connection', 0],
    ['close-connection', 0],
  ] as const)('"%s" ends the connection, and the work of %i is done', async (kind, done) => {
    hub.faults.add('https-request', { kind });

    await expect(create()).rejects.toHaveProperty('code', 'ECONNRESET');

    expect(hub.state.registry.size).toBe(1 + done);
  });

  test('hits the requests of its device only, whatever a path looks like', async () => {
    hub.faults.add('https-request', { kind: 'error', httpStatus: 503 }, { deviceId: 'device-1' });

    expect((await hub.send('GET /devices/%E0%A4%A')).status).toBe(400);
    expect((await hub.send('GET /devices/device-2')).status).toBe(404);
    expect((await hub.send('GET /devices')).status).toBe(200);
    expect((await hub.send('GET /twins/device%2D1')).status).toBe(503);
    expect((await hub.send('GET /twins/device-1')).status).toBe(200);
  });
});
