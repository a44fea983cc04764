import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iothub from 'azure-iothub';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';

/** The official service SDK, which insists on port 443, against the hub. */
const HOST = 'localhost';

let hub: SimulatedHub;
let undo: () => void;
let registry: iothub.Registry;
beforeAll(async () => {
  hub = await startHub({ hostName: HOST });
  undo = mapPorts({
    hostName: HOST,
    ports: { 443: hub.ports.https },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
  registry = iothub.Registry.fromConnectionString(hub.connectionString());
});
afterAll(async () => {
  undo();
  await hub.stop();
});
afterEach(() => {
  hub.faults.clear();
  for (const { deviceId } of hub.state.registry.list(1000)) hub.state.registry.delete(deviceId);
});

async function failureOf(promise: Promise<unknown>): Promise<Error & { responseBody?: string }> {
  const error: unknown = await promise.then(
    () => new Error('There was no failure'),
    (reason: unknown) => reason,
  );
  return error as Error;
}

describe("The service SDK's Registry", () => {
  test('creates, reads, changes, lists and deletes a device', async () => {
    const { responseBody: created } = await registry.create({ deviceId: 'device-1' });
    const { responseBody: read } = await registry.get('device-1');
    const { responseBody: updated } = await registry.update({
      deviceId: 'device-1',
      status: 'disabled',
    });
    const { responseBody: listed } = await registry.list();
    await registry.delete('device-1');

    expect(read).toMatchObject({ deviceId: 'device-1', status: 'enabled' });
    expect(read.authentication?.symmetricKey).toEqual(created.authentication?.symmetricKey);
    expect(created.authentication?.symmetricKey?.primaryKey).toMatch(/^[\w+/]{43}=$/);
    expect(updated).toMatchObject({ status: 'disabled', authentication: read.authentication });
    expect(listed.map(({ deviceId }) => deviceId)).toEqual(['device-1']);
    expect(hub.state.registry.size).toBe(0);
  });

  test('takes keys that are given', async () => {
    const primaryKey = Buffer.alloc(32, 1).toString('base64');
    const secondaryKey = Buffer.alloc(32, 2).toString('base64');

    await registry.create({
      deviceId: 'device-1',
      authentication: { symmetricKey: { primaryKey, secondaryKey } },
    });

    expect(hub.state.registry.get('device-1')).toMatchObject({ primaryKey, secondaryKey });
  });

  test('finds a device whose id needs encoding', async () => {
    const deviceId = "a:b.c+d%e_f#g*h?i!j(k),l=m@n;o$p'q";
    await registry.create({ deviceId });

    expect((await registry.get(deviceId)).responseBody.deviceId).toBe(deviceId);
  });

  test('reads a query page by page', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `device-${index}`);
    for (const deviceId of ids) hub.state.registry.create({ deviceId });
    const query = registry.createQuery('SELECT * FROM devices', 10);

    const pages: string[][] = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      pages.push(result.map(({ deviceId }) => deviceId));
    }

    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual(ids);
  });

  test.each([
    ['an unknown device', () => registry.get('unknown'), 'DeviceNotFoundError'],
    ['deletion of an unknown device', () => registry.delete('unknown'), 'DeviceNotFoundError'],
    ['an id with a slash', () => registry.create({ deviceId: 'a/b' }), 'ArgumentError'],
    ['an id that is taken', createTwice, 'DeviceAlreadyExistsError'],
  ])('meets %s with the error of the real service', async (_, run, name) => {
    expect((await failureOf(run())).name).toBe(name);
  });

  async function createTwice(): Promise<unknown> {
    await registry.create({ deviceId: 'device-1' });
    return registry.create({ deviceId: 'device-1' });
  }

  test.each([
    [400004, 'ArgumentError'],
    [401002, 'UnauthorizedError'],
    [403002, 'TooManyDevicesError'],
    [408000, 'DeviceTimeoutError'],
    [409001, 'DeviceAlreadyExistsError'],
    [412001, 'InvalidEtagError'],
    [429001, 'ThrottlingError'],
    [500001, 'InternalServerError'],
    [502000, 'BadDeviceResponseError'],
    [503001, 'ServiceUnavailableError'],
    [504101, 'GatewayTimeoutError'],
  ])('makes of the error %i a %s', async (code, name) => {
    hub.faults.add('https-request', { kind: 'error', code });

    expect((await failureOf(registry.get('device-1'))).name).toBe(name);
  });

  test.each([
    ['a wrong key', () => `${hub.connectionString('service').replace(/Key=.*/, 'Key=')}AAAA`],
    ['a policy without the right', () => hub.connectionString('service')],
  ])('is refused with %s at once', async (_, connectionString) => {
    const refused = iothub.Registry.fromConnectionString(connectionString());
    const start = performance.now();

    const error = await failureOf(refused.get('device-1'));

    expect(error.name).toBe('UnauthorizedError');
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  test('is refused with an expired token at once', async () => {
    const key = hub.state.policies.find('iothubowner')?.primaryKey ?? '';
    const expired = iotCommon.SharedAccessSignature.create(HOST, 'iothubowner', key, 1_700_000_000);
    const refused = iothub.Registry.fromSharedAccessSignature(expired.toString());

    expect((await failureOf(refused.get('device-1'))).name).toBe('UnauthorizedError');
  });
});

describe("The service SDK's direct methods", () => {
  const client = () => {
    const created = iothub.Client.fromConnectionString(hub.connectionString('service'));
    created.setRetryPolicy(new iotCommon.NoRetry());
    return created;
  };

  test.each([[null], [''], ['foo'], [{}], [{ nested: [1, null] }], [false]])(
    'bring the payload %j to the device and back',
    async (payload) => {
      hub.state.registry.create({ deviceId: 'device-1' });
      hub.state.methods.attach('device-1', (request) =>
        hub.state.methods.respond('device-1', request.requestId, 400, request.payload),
      );

      const { result } = await client().invokeDeviceMethod('device-1', {
        methodName: 'echo',
        payload,
      });

      expect(result).toEqual({ status: 400, payload });
    },
  );

  test('tell a device that is away from one that is unknown by the code in the answer only', async () => {
    hub.state.registry.create({ deviceId: 'device-1' });
    const call = (deviceId: string) =>
      failureOf(client().invokeDeviceMethod(deviceId, { methodName: 'm' }));

    const away = await call('device-1');
    const unknown = await call('unknown');

    expect([away.message, unknown.message]).toEqual(['Not found', 'Not found']);
    expect(away.responseBody).toContain('404103');
    expect(unknown.responseBody).toContain('404001');
  });

  test('fail with a GatewayTimeoutError when the device is silent', async () => {
    hub.faults.add('https-request', { kind: 'error', code: 504101 });

    const error = await failureOf(client().invokeDeviceMethod('device-1', { methodName: 'm' }));

    expect(error.name).toBe('GatewayTimeoutError');
  });
});
