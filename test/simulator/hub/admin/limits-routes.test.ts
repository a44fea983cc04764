import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import { adminOf, type Admin } from './admin-client.ts';

let hub: SimulatedHub;
let admin: Admin;
beforeAll(async () => {
  hub = await startHub({ clock: new ManualClock(), limits: { sku: 'S1', units: 2 } });
  admin = adminOf(hub);
});
afterAll(() => hub.stop());

describe('/$downlink/limits', () => {
  test('shows those of the start, takes others, goes without, and comes back to the first by a reset', async () => {
    expect((await admin('GET /limits')).json).toMatchObject({
      sku: 'S1',
      units: 2,
      quota: { messagesPerDay: 800_000, used: 0, day: '2026-01-01' },
    });

    const free = await admin('PUT /limits', { body: { sku: 'F1' } });
    expect(free).toMatchObject({ status: 200, json: { sku: 'F1', units: 1 } });
    expect(hub.state.throttles.inForce()).toEqual(free.json);
    expect((await admin('DELETE /limits')).status).toBe(204);
    expect((await admin('GET /limits')).json).toEqual({ sku: null });
    await admin('POST /reset');

    expect((await admin('GET /limits')).json).toMatchObject({ sku: 'S1', units: 2 });
  });

  test.each([
    [{ sku: 'S4', units: 0 }, ['body.sku', 'body.units']],
    [{ sku: 'S3', units: 11 }, ['body.units']],
    [{}, ['body.sku']],
  ])('refuses %j', async (body, paths) => {
    const { status, json } = await admin('PUT /limits', { body });

    expect(status).toBe(400);
    const { errors } = json as { errors: { path: string }[] };
    expect(errors.map(({ path }) => path)).toEqual(paths);
  });
});
