import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { aMessage } from '../state/builders.ts';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(async () => {
  await hub.head.stop();
});

const FEEDBACK = '/messages/serviceBound/feedback';

function complete(messageId: string): void {
  hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId }));
  const delivery = hub.state.cloudToDevice.receive('device-1');
  hub.state.cloudToDevice.complete('device-1', delivery?.lockToken ?? '');
}

describe('DELETE /devices/{deviceId}/commands', () => {
  test('empties the queue and says how many messages it held', async () => {
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'a' }));
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'b' }));

    const first = await hub.send('DELETE /devices/device-1/commands');
    const second = await hub.send('DELETE /devices/device-1/commands');
    const unknown = await hub.send('DELETE /devices/unknown/commands');

    expect(first.json).toEqual({ totalMessagesPurged: 2, deviceId: 'device-1', moduleId: null });
    expect(second.json).toMatchObject({ totalMessagesPurged: 0 });
    expect([first.status, unknown.status]).toEqual([200, 404]);
  });
});

describe('Feedback over REST', () => {
  test('is locked by GET and gone after DELETE', async () => {
    complete('a');

    const batch = await hub.send(`GET ${FEEDBACK}`);
    const locked = await hub.send(`GET ${FEEDBACK}`);
    const lockToken = String(batch.headers.etag).replaceAll('"', '');
    const settled = await hub.send(`DELETE ${FEEDBACK}/${lockToken}`);
    const again = await hub.send(`DELETE ${FEEDBACK}/${lockToken}`);
    hub.clock.advance(60_000);
    const empty = await hub.send(`GET ${FEEDBACK}`);

    expect(batch.status).toBe(200);
    expect(batch.json).toEqual([
      {
        originalMessageId: 'a',
        statusCode: 'Success',
        description: 'Success',
        deviceId: 'device-1',
        deviceGenerationId: hub.state.registry.get('device-1').generationId,
        enqueuedTimeUtc: '2026-01-01T00:00:00.000Z',
      },
    ]);
    expect(batch.headers).toMatchObject({
      etag: `"${lockToken}"`,
      'iothub-enqueuedtime': '2026-01-01T00:00:00.000Z',
      'iothub-deliverycount': '0',
    });
    expect([locked.status, settled.status, again.status, empty.status]).toEqual([
      204, 204, 412, 204,
    ]);
    expect(again.headers['iothub-errorcode']).toBe('DeviceMessageLockLost');
  });

  test('comes back when it is abandoned or its lock runs out', async () => {
    complete('a');
    const first = await hub.send(`GET ${FEEDBACK.toUpperCase()}`);
    const lockToken = String(first.headers.etag).replaceAll('"', '');

    const abandoned = await hub.send(`POST ${FEEDBACK}/${lockToken}/abandon`);
    const second = await hub.send(`GET ${FEEDBACK}`);
    hub.clock.advance(60_000);
    const third = await hub.send(`GET ${FEEDBACK}`);
    const late = await hub.send(
      `POST ${FEEDBACK}/${String(second.headers.etag).replaceAll('"', '')}/abandon`,
    );

    expect(abandoned.status).toBe(204);
    expect(second.headers['iothub-deliverycount']).toBe('1');
    expect(third).toMatchObject({ status: 200, text: first.text });
    expect(late.status).toBe(412);
  });
});
