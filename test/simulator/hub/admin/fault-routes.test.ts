import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EFFECTS_AT, FAULT_POINTS } from '../../../../simulator/hub/faults/fault-effect.ts';
import { ManualClock, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import { aMessage } from '../state/builders.ts';
import { adminOf, type Admin } from './admin-client.ts';

let hub: SimulatedHub;
let admin: Admin;
beforeAll(async () => {
  hub = await startHub({ clock: new ManualClock(), devices: [{ deviceId: 'device-1' }] });
  admin = adminOf(hub);
});
afterEach(() => admin('POST /reset'));
afterAll(() => hub.stop());

describe('POST /$downlink/faults', () => {
  test.each(FAULT_POINTS)('takes every effect that is possible at %s', async (point) => {
    for (const kind of EFFECTS_AT[point]) {
      const effect = { kind, ...(kind === 'delay' && { ms: 5 }) };

      const { status, json } = await admin('POST /faults', {
        body: { point, effect, times: 2, deviceId: 'device-1' },
      });

      expect([status, json]).toEqual([
        201,
        expect.objectContaining({ point, effect, remaining: 2, deviceId: 'device-1' }),
      ]);
    }
  });

  test('refuses an effect that its point does not know, and says which there are', async () => {
    const body = { point: 'method-request', effect: { kind: 'duplicate' } };

    expect((await admin('POST /faults', { body })).json).toMatchObject({
      errors: [{ path: 'body.effect.kind', message: expect.stringContaining('no-answer, delay') }],
    });
  });

  test('plans faults of feedback', async () => {
    await admin('POST /faults', {
      body: { point: 'feedback-record', effect: { kind: 'lose' }, deviceId: 'device-1' },
    });
    for (const messageId of ['a', 'b']) {
      hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId }));
      const lockToken = hub.state.cloudToDevice.receive('device-1')?.lockToken ?? '';
      hub.state.cloudToDevice.complete('device-1', lockToken);
    }

    expect(hub.state.feedback.receive()?.records).toMatchObject([{ originalMessageId: 'b' }]);
  });
});
