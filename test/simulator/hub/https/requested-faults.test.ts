import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(() => hub.head.stop());

describe('a device that asks for a fault over HTTPS', () => {
  test('is refused what it sends for as long as it asked for', async () => {
    const event = (headers: Record<string, string> = {}) =>
      hub.send('POST /devices/device-1/messages/events', { body: 'on', headers });

    const asked = await event({
      'iothub-app-AzIoTHub_FaultOperationType': 'InvokeThrottling',
      'iothub-app-AzIoTHub_FaultOperationDurationInSecs': '600',
    });

    expect(asked.status).toBe(204);
    expect((await event()).status).toBe(429);
    hub.faults.requested.clear();
    expect((await event()).status).toBe(204);
  });
});
