import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Route } from '../../../../simulator/hub/https/route.ts';
import { throttlingOf } from '../../../../simulator/hub/https/throttled-routes.ts';
import { MINUTE } from '../state/builders.ts';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub();
});
afterEach(() => hub.head.stop());

describe('a route', () => {
  test.each([
    ['GET /devices', 'identityOperations'],
    ['POST /devices', 'identityOperations'],
    ['PUT /devices/{deviceId}', 'identityOperations'],
    ['DELETE /devices/{deviceId}/modules/{moduleId}', 'identityOperations'],
    ['POST /devices/query', 'queries'],
    ['GET /twins/{deviceId}', 'twinReads'],
    ['PATCH /twins/{deviceId}/modules/{moduleId}', 'twinUpdates'],
    ['GET /devices/{deviceId}/messages/devicebound', 'cloudToDeviceReceives'],
    ['POST /devices/{deviceId}/messages/events', 'deviceToCloudSends'],
    ['PUT /jobs/v2/{jobId}', 'jobOperations'],
    ['GET /configurations/{id}', 'configurationOperations'],
    ['POST /devices/{deviceId}/files', 'fileUploads'],
    ['POST /twins/{deviceId}/methods', undefined],
    ['DELETE /devices/{deviceId}/commands', undefined],
    ['DELETE /devices/{deviceId}/messages/devicebound/{lockToken}', undefined],
    ['GET /messages/serviceBound/feedback', undefined],
    ['GET /statistics/devices', undefined],
  ] as const)('%s is counted as %s', (line, operation) => {
    const [method, path] = line.split(' ') as [Route['method'], string];

    expect(throttlingOf({ method, path })?.operation).toBe(operation);
  });
});

describe('a hub with limits', () => {
  test('answers 429001 in the words of each part of the service, and takes requests again later', async () => {
    hub.state.throttles.set({ sku: 'S1', units: 1 });
    for (let count = 0; count < 100; count++) hub.state.throttles.admit('identityOperations');
    while (hub.state.throttles.allows('twinReads'));

    const registry = await hub.send('GET /devices/device-1');
    const twin = await hub.send('GET /twins/device-1');

    expect(registry.status).toBe(429);
    expect(registry.headers['iothub-errorcode']).toBe('ThrottlingException');
    expect(registry.text).toContain('ErrorCode:ThrottlingException');
    expect(twin.status).toBe(429);
    expect(JSON.parse((twin.json as { Message: string }).Message)).toMatchObject({
      errorCode: 429001,
    });
    hub.clock.advance(MINUTE);
    expect((await hub.send('GET /devices/device-1')).status).toBe(200);
  });

  test('answers 403002 when the messages of the day are used up, and still lets devices be registered', async () => {
    hub.state.throttles.set({ sku: 'F1', units: 1 });
    hub.state.throttles.meter([8000 * 512]);

    const event = await hub.send('POST /devices/device-1/messages/events', { body: 'on' });

    expect(event.status).toBe(403);
    expect(event.headers['iothub-errorcode']).toBe('IotHubQuotaExceeded');
    expect((await hub.send('PUT /devices/device-2', { body: {} })).status).toBe(200);
  });

  test('meters events by 4 KB and twins by 512 bytes', async () => {
    hub.state.throttles.set({ sku: 'S1', units: 1 });
    const used = (): number => hub.state.throttles.inForce()?.quota.used ?? 0;

    await hub.send('POST /devices/device-1/messages/events', { body: 'x'.repeat(4097) });
    expect(used()).toBe(2);
    const { bytes } = await hub.send('GET /twins/device-1');

    expect(used()).toBe(2 + Math.ceil(bytes.length / 512));
  });
});
