import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { SimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import { Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const MASTER_KEY = 'local-development-key';

describe('an app that is killed during a call', () => {
  let stack: Stack;
  let device: SimulatedDevice;
  const calls: string[] = [];
  let answers = false;

  beforeAll(async () => {
    stack = await Stack.start();
    device = await startSimulatedDevice({
      connectionString: stack.hub.deviceConnectionString('device-1'),
      certificateAuthorityPem: stack.hub.certificateAuthorityPem,
      gatewayHostName: `localhost:${stack.hub.ports.mqtt}`,
      onMethod: ({ methodName }) => {
        calls.push(methodName);
        return answers ? { status: 200, payload: null } : 'silence';
      },
      print: () => undefined,
    });
  });
  afterAll(async () => {
    await device.stop();
    await stack.stop();
  });

  test('leaves no call unaccounted for, and calls again only what may be called again', async () => {
    const accept = async (methodName: string, idempotent: boolean) => {
      const { headers } = await stack.call('POST', `/api/devices/device-1/methods/${methodName}`, {
        headers: { prefer: 'respond-async' },
        json: { responseTimeoutSeconds: 5, idempotent },
      });
      await until('the device is called', () => calls.includes(methodName));
      return headers.get('location') ?? '';
    };
    const once = await accept('once', false);
    const often = await accept('often', true);
    const waiting = stack
      .call('POST', '/api/devices/device-1/methods/waiting', { json: {} })
      .catch(() => 'cut off');
    await until('the device is called', () => calls.includes('waiting'));

    await stack.app.kill();
    expect(await waiting).toBe('cut off');
    answers = true;
    await stack.restartApp();
    const interrupted = await stack.call('GET', once);

    const settled = await until(
      'the lease of the call is over',
      async () => {
        const { body } = await stack.call('GET', once);
        return body['final'] === true && body;
      },
      60_000,
    );
    await fetch(`${stack.app.url}/admin/functions/watchInvocations`, {
      method: 'POST',
      headers: { 'x-functions-key': MASTER_KEY, 'content-type': 'application/json' },
      body: '{}',
    });
    const again = await stack.call('GET', `${often}?waitSeconds=30`);
    const { body: listed } = await stack.call('GET', '/api/devices/device-1/invocations');

    expect(interrupted.body).toMatchObject({ status: 'calling', final: false });
    expect(settled).toMatchObject({
      status: 'unknown',
      failure: { code: 'hub-outcome-unknown' },
      attempt: 1,
    });
    expect(again.body).toMatchObject({ status: 'completed', attempt: 2 });
    expect(calls.filter((name) => name === 'once')).toHaveLength(1);
    expect(calls.filter((name) => name === 'often')).toHaveLength(2);
    expect(listed['items']).toHaveLength(3);
  });

  test('a time-out and a device that is not there are told apart', async () => {
    answers = false;
    const call = async (deviceId: string) =>
      stack.call('POST', `/api/devices/${deviceId}/methods/silent`, {
        json: { responseTimeoutSeconds: 5 },
      });

    expect(await call('device-1')).toMatchObject({ status: 504, body: { code: 'device-timeout' } });
    expect(await call('device-2')).toMatchObject({
      status: 409,
      body: { code: 'device-not-online' },
    });
    const { body } = await stack.call('GET', '/api/devices/device-1/invocations?limit=1');
    expect(body['items']).toMatchObject([
      { status: 'unknown', failure: { code: 'device-timeout' } },
    ]);
  });
});
