import { expect, test } from '@jest/globals';
import { startHub } from '../../../../simulator/index.ts';
import { adminOf } from './admin-client.ts';

test('GET /$downlink/settings shows what is in force, defaults and all', async () => {
  const hub = await startHub({ settings: { twins: { changeLatencyMs: 50 } } });
  try {
    const { status, json } = await adminOf(hub)('GET /settings');

    expect(status).toBe(200);
    expect(json).toEqual(hub.state.settings);
    expect(json).toMatchObject({ twins: { changeLatencyMs: 50 }, feedback: { batchSize: 64 } });
  } finally {
    await hub.stop();
  }
});
