import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { sendAndSettle } from './raw-amqp-client.ts';

const EVENTS = '/devices/device-1/messages/events';

let hub: AmqpHub;
beforeEach(async () => {
  hub = await startAmqpHub();
});
afterEach(() => hub.stop());

function exhaust(operation: Parameters<AmqpHub['state']['throttles']['allows']>[0]): void {
  hub.state.throttles.set({ sku: 'S1', units: 1 });
  while (hub.state.throttles.allows(operation));
}

describe('a hub with limits, over AMQP', () => {
  test('tells the service SDK of too many messages, and of a quota that is used up', async () => {
    const client = hub.sdkClient();
    exhaust('cloudToDeviceSends');

    await expect(client.send('device-1', 'on')).rejects.toHaveProperty('name', 'ThrottlingError');
    hub.state.throttles.set({ sku: 'F1', units: 1 });
    hub.state.throttles.meter([8000 * 512]);
    await expect(client.send('device-1', 'on')).rejects.toHaveProperty(
      'name',
      'IotHubQuotaExceededError',
    );
    hub.state.throttles.set(undefined);
    await client.send('device-1', 'on');

    expect(hub.state.cloudToDevice.count('device-1')).toBe(1);
  });

  test('rejects events beyond their rate and keeps the link', async () => {
    const device = await hub.authorizedRawClient({ policyName: 'device' });
    const sender = await device.attachSender(EVENTS);
    exhaust('deviceToCloudSends');

    expect(await sendAndSettle(sender, { body: 'on' })).toMatchObject({
      outcome: 'rejected',
      error: { condition: 'com.microsoft:device-container-throttled' },
    });
    hub.state.throttles.set(undefined);

    expect(await sendAndSettle(sender, { body: 'on' })).toMatchObject({ outcome: 'accepted' });
  });

  test('refuses the first link of a device beyond the rate of connections, and no second link', async () => {
    const connected = await hub.authorizedRawClient({ policyName: 'device' });
    hub.state.throttles.set({ sku: 'S1', units: 1 });
    await connected.attachSender(EVENTS);
    const newcomer = await hub.authorizedRawClient({ policyName: 'device' });
    exhaust('newConnections');

    // The limits were set anew, the connection is counted still.
    await connected.attachReceiver('/devices/device-1/messages/devicebound');
    const { error } = await newcomer.refusal('sender', EVENTS);

    expect(error.condition).toBe('com.microsoft:device-container-throttled');
  });
});
