import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { SimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import { Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe('receipts', () => {
  let stack: Stack;
  let device: SimulatedDevice;

  beforeAll(async () => {
    stack = await Stack.start({ receivesReceipts: true });
    device = await startSimulatedDevice({
      connectionString: stack.hub.deviceConnectionString('device-1'),
      certificateAuthorityPem: stack.hub.certificateAuthorityPem,
      gatewayHostName: `localhost:${stack.hub.ports.mqtt}`,
      print: () => undefined,
    });
  });

  afterAll(async () => {
    await device.stop();
    await stack.stop();
  });

  const statusesOf = (body: Record<string, unknown>): string[] =>
    (body['history'] as { status: string }[]).map(({ status }) => status);

  test.each([
    ['ok', 'full', 'handled'],
    ['error', 'none', 'handlingFailed'],
  ])('the device says %s; with ack %s the message ends as %s', async (outcome, ack, status) => {
    const sent = await stack.call('POST', '/api/devices/device-1/messages', {
      json: { awaitReceiptSeconds: 60, ack, properties: { 'downlink-receipt': outcome } },
    });
    const followed = await stack.call('GET', `${sent.headers.get('location')}?waitSeconds=30`);

    expect(sent).toMatchObject({ status: 202, body: { final: false, receipt: null } });
    expect(followed.body).toMatchObject({
      status,
      final: true,
      receipt: { received: device.messagesReceived },
    });
    expect(statusesOf(followed.body)).toContain(status);
  });

  test('what a device said while the app was down is not lost', async () => {
    const correlationId = 'sent-before';
    const sent = await stack.call('POST', '/api/devices/device-2/messages', {
      json: { messageId: correlationId },
    });
    await stack.app.kill();
    stack.hub.state.events.append(
      { entityId: 'device-2' },
      { correlationId, body: Buffer.from('late'), properties: { 'downlink-receipt': 'ok' } },
    );
    stack.hub.state.events.append(
      { entityId: 'device-1' },
      { correlationId, body: Buffer.from('lie'), properties: { 'downlink-receipt': 'error' } },
    );

    await stack.restartApp();
    const location = sent.headers.get('location') ?? '';
    const handled = await until('the receipt', async () => {
      const { body } = await stack.call('GET', location);
      return body['status'] === 'handled' && body;
    });

    expect(handled).toMatchObject({ final: true, receipt: 'late' });
  });
});
