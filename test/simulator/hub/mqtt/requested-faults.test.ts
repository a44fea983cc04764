import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import { until } from '../../../support/until.ts';
import { eventsOf, SECOND } from '../state/builders.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';

let hub: MqttHub;
beforeEach(async () => {
  hub = await startMqttHub();
});
afterEach(() => hub.stop());

const EVENTS = 'devices/device-1/messages/events/';

function bag(type: string, delaySeconds: number, durationSeconds: number): string {
  return Object.entries({ Type: type, DelayInSecs: delaySeconds, DurationInSecs: durationSeconds })
    .map(([name, value]) => `AzIoTHub_FaultOperation${name}=${value}`)
    .join('&');
}

describe('a fault that a device asks for over MQTT', () => {
  test.each(['KillTcp', 'ShutDownMqtt'])(
    '%s is one disconnect to the SDK, which comes back when its duration is over',
    async (type) => {
      const client = await hub.sdkClient();
      const disconnects: unknown[] = [];
      client.on('disconnect', (error) => disconnects.push(error));
      await client.open();
      const message = new common.Message(' ');
      message.properties.add('AzIoTHub_FaultOperationType', type);
      message.properties.add('AzIoTHub_FaultOperationDelayInSecs', '2');
      message.properties.add('AzIoTHub_FaultOperationDurationInSecs', '20');

      await client.sendEvent(message);
      await client.sendEvent(new common.Message('before'));
      hub.wallClock.advance(2 * SECOND);
      await until('a disconnect', () => disconnects.length > 0);

      await expect(client.open()).rejects.toBeDefined();
      hub.wallClock.advance(20 * SECOND);
      await client.open();
      await client.sendEvent(new common.Message('after'));
      expect(eventsOf(hub.state).map(({ body }) => body.toString())).toEqual(['before', 'after']);
      expect(disconnects).toHaveLength(1);
    },
  );

  test('closes the connection over what is sent while it refuses that', async () => {
    const device = await hub.connectRaw();
    await device.connected();
    device.publish(EVENTS + bag('InvokeMaxMessageQuota', 0, 5), '');
    await device.next('puback');

    device.publish(EVENTS, 'on');
    await device.closed();

    expect(hub.closeReasons()).toEqual([expect.stringMatching(/^403002 /)]);
    expect(eventsOf(hub.state)).toEqual([]);
    hub.wallClock.advance(5 * SECOND);
    const again = await hub.connectRaw();
    await again.connected();
    again.publish(EVENTS, 'on');
    await again.next('puback');
  });

  test('is acknowledged and does nothing if it is about what MQTT does not have', async () => {
    const device = await hub.connectRaw();
    await device.connected();

    device.publish(EVENTS + bag('KillAmqpSession', 0, 0), '');
    await device.next('puback');
    hub.wallClock.advance(1);
    await device.settled();

    expect(eventsOf(hub.state)).toEqual([]);
  });
});
