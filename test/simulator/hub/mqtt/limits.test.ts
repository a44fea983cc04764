import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';

let hub: MqttHub;
beforeEach(async () => {
  hub = await startMqttHub();
});
afterEach(() => hub.stop());

function exhaust(operation: Parameters<MqttHub['state']['throttles']['allows']>[0]): void {
  hub.state.throttles.set({ sku: 'S1', units: 1 });
  while (hub.state.throttles.allows(operation));
}

describe('a hub with limits, over MQTT', () => {
  test('closes the connection of a device that sends too much: MQTT has no other answer', async () => {
    const device = await hub.connectRaw();
    await device.connected();
    exhaust('deviceToCloudSends');

    device.publish('devices/device-1/messages/events/', 'on');
    await device.closed();

    expect(device.received('puback')).toEqual([]);
    expect(hub.closeReasons()).toEqual([expect.stringMatching(/^429001 /)]);
  });

  test('refuses connections beyond their rate with return code 3', async () => {
    exhaust('newConnections');

    const device = await hub.connectRaw();

    expect((await device.next('connack')).returnCode).toBe(3);
    await device.closed();
  });

  test('answers a twin request beyond its rate with 429', async () => {
    const device = await hub.connectRaw();
    await device.connected();
    await device.subscribe('$iothub/twin/res/#', 0);
    exhaust('twinReads');

    device.publish('$iothub/twin/GET/?$rid=1', '', { qos: 0 });

    expect((await device.next('publish')).topic).toBe('$iothub/twin/res/429/?$rid=1');
  });
});
