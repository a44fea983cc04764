import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import iothub from 'azure-iothub';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';
import { startTestHub, type TestHub } from './a-hub.ts';

let hub: TestHub;
beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(async () => {
  await hub.head.stop();
});
beforeEach(() => {
  hub.state.registry.deleteAll();
  hub.state.registry.create({ deviceId: 'device-1' });
});

describe('POST /devices', () => {
  test('does each item and tells which failed and why', async () => {
    const { etag, primaryKey } = hub.state.registry.get('device-1');
    const body = [
      { id: 'device-2', importMode: 'Create', status: 'disabled', statusReason: 'new' },
      { id: 'device-1', importMode: 'create' },
      { id: 'device-1', importMode: 'UpdateIfMatchETag', eTag: etag, status: 'disabled' },
      { id: 'device-1', importMode: 'updateIfMatchETag', eTag: etag },
      { id: 'device-1', importMode: 'deleteIfMatchETag' },
      { id: 'gone', importMode: 'delete' },
      { id: 'a/b', importMode: 'create' },
      { id: 'device-3', importMode: 'create', status: 'odd' },
      { id: 'device-4', importMode: 'guess' },
    ];

    const response = await hub.send('POST /devices', { body });

    const { errors } = response.json as { errors: { deviceId: string; errorCode: string }[] };
    expect(response.status).toBe(400);
    expect(response.json).toMatchObject({ isSuccessful: false, warnings: [] });
    expect(errors.map(({ deviceId, errorCode }) => `${deviceId} ${errorCode}`)).toEqual([
      'device-1 DeviceAlreadyExists',
      'device-1 PreconditionFailed',
      'device-1 PreconditionFailed',
      'gone DeviceNotFound',
      'a/b ArgumentInvalid',
      'device-3 ArgumentInvalid',
      'device-4 ArgumentInvalid',
    ]);
    expect(hub.state.registry.list(9)).toMatchObject([
      { deviceId: 'device-1', status: 'disabled', primaryKey },
      { deviceId: 'device-2', status: 'disabled', statusReason: 'new' },
    ]);
  });

  test.each([
    ['nothing', []],
    [
      'more than 100',
      Array.from({ length: 101 }, (_, n) => ({ id: `d${n}`, importMode: 'create' })),
    ],
    ['one without a mode', [{ id: 'device-2' }]],
    ['no list', { id: 'device-2', importMode: 'create' }],
  ])('refuses %s and does nothing', async (_, body) => {
    expect((await hub.send('POST /devices', { body })).status).toBe(400);
    expect(hub.state.registry.size).toBe(1);
  });

  test('needs the right to write', async () => {
    const body = [{ id: 'device-1', importMode: 'delete' }];

    const { status } = await hub.send('POST /devices', { body, policy: 'registryRead' });

    expect([status, hub.state.registry.size]).toEqual([401, 1]);
  });
});

describe('GET /statistics/service', () => {
  test('counts the devices that are connected', async () => {
    hub.state.registry.create({ deviceId: 'device-2' });
    hub.state.registry.setConnected('device-2', true);

    const { json } = await hub.send('GET /statistics/service', { policy: 'registryRead' });

    expect(json).toEqual({ connectedDeviceCount: 1 });
  });
});

describe("The service SDK's Registry", () => {
  let simulated: SimulatedHub;
  let undo: () => void;
  beforeAll(async () => {
    simulated = await startHub();
    undo = mapPorts({
      hostName: 'localhost',
      ports: { 443: simulated.ports.https },
      certificateAuthorityPem: simulated.certificateAuthorityPem,
    });
  });
  afterAll(async () => {
    undo();
    await simulated.stop();
  });

  test('adds, counts, changes and removes many devices', async () => {
    const registry = iothub.Registry.fromConnectionString(simulated.connectionString());
    const devices = ['a', 'b', 'c'].map((deviceId) => ({ deviceId }));

    const added = await registry.addDevices(devices);
    await registry.updateDevices([{ deviceId: 'a', status: 'disabled' }], true);
    const { responseBody: statistics } = await registry.getRegistryStatistics();
    await registry.removeDevices(devices, true);

    expect(added.responseBody).toMatchObject({ isSuccessful: true, errors: [] });
    expect(statistics).toEqual({
      totalDeviceCount: 3,
      enabledDeviceCount: 2,
      disabledDeviceCount: 1,
    });
    expect(simulated.state.registry.size).toBe(0);
  });
});
