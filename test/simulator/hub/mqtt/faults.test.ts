import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventsOf, MINUTE, rejectedKind, SECOND } from '../state/builders.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';
import type { RawMqttClient } from './raw-mqtt-client.ts';

const EVENTS = 'devices/device-1/messages/events/';
const MESSAGES = 'devices/device-1/messages/devicebound/#';
const METHODS = '$iothub/methods/POST/#';

let hub: MqttHub;
let device: RawMqttClient;
beforeEach(async () => {
  hub = await startMqttHub(['device-1', 'device-2']);
  device = await hub.connectRaw();
  await device.connected();
});
afterEach(() => hub.stop());

async function callMethod() {
  return hub.state.methods.invoke({
    deviceId: 'device-1',
    methodName: 'reboot',
    payload: Buffer.from('null'),
    responseTimeoutMs: 5 * SECOND,
    connectTimeoutMs: 0,
  });
}

describe('a fault planned for device-event', () => {
  test.each([
    ['no-answer', 0],
    ['accept-then-no-answer', 1],
  ] as const)('"%s" leaves it without PUBACK', async (kind, taken) => {
    hub.faults.add('device-event', { kind });

    device.publish(EVENTS, 'on');
    await device.settled();

    expect(device.received('puback')).toEqual([]);
    expect(eventsOf(hub.state)).toHaveLength(taken);
  });

  test.each([
    ['drop-connection', 0],
    ['accept-then-drop-connection', 1],
    ['close-connection', 0],
    ['error', 0],
  ] as const)('"%s" ends the connection', async (kind, taken) => {
    hub.faults.add('device-event', { kind });

    device.publish(EVENTS, 'on');
    await device.closed();

    expect(device.received('puback')).toEqual([]);
    expect(eventsOf(hub.state)).toHaveLength(taken);
  });

  test('"delay" answers later, and a refusal by then closes the connection', async () => {
    hub.faults.add('device-event', { kind: 'delay', ms: SECOND }, 2);
    device.publish(EVENTS, 'on');
    await device.settled();
    expect(eventsOf(hub.state)).toEqual([]);
    hub.wallClock.advance(SECOND);
    await device.next('puback');

    device.publish(EVENTS, 'on');
    await device.settled();
    hub.state.throttles.set({ sku: 'F1', units: 1 });
    hub.state.throttles.meter([8000 * 512]);
    hub.wallClock.advance(SECOND);
    await device.closed();

    expect(eventsOf(hub.state)).toHaveLength(1);
  });

  test('for another device does not hit this one', async () => {
    const timing = { times: 1, deviceId: 'device-2' };
    hub.faults.add('device-event', { kind: 'drop-connection' }, timing);

    device.publish(EVENTS, 'on');
    await device.next('puback');

    expect(hub.faults.remaining('device-event')).toBe(1);
    const other = await hub.connectRaw({ deviceId: 'device-2' });
    await other.connected();
    other.publish('devices/device-2/messages/events/', 'on');
    await other.closed();
  });
});

describe('a fault on the way of a message to a device', () => {
  test('"no-answer" at device-message loses it on its way, and it comes again after its lock', async () => {
    await device.subscribe(MESSAGES);
    hub.faults.add('device-message', { kind: 'no-answer' });

    hub.enqueue();
    await device.settled();
    expect(device.received('publish')).toEqual([]);
    hub.clock.advance(MINUTE);

    const { messageId } = await device.next('publish');
    device.send({ cmd: 'puback', messageId: messageId ?? 0 });
    await device.settled();
    expect(hub.history()).toEqual([
      'enqueued',
      'delivered',
      'lockExpired',
      'delivered',
      'completed',
    ]);
  });

  test('"no-answer" at device-settlement loses the PUBACK', async () => {
    await device.subscribe(MESSAGES);
    hub.faults.add('device-settlement', { kind: 'no-answer' });
    hub.enqueue();
    const { messageId } = await device.next('publish');

    device.send({ cmd: 'puback', messageId: messageId ?? 0 });
    await device.settled();

    expect(hub.state.cloudToDevice.count('device-1')).toBe(1);
  });

  test('"accept-then-drop-connection" at device-settlement completes the message all the same', async () => {
    await device.subscribe(MESSAGES);
    hub.faults.add('device-settlement', { kind: 'accept-then-drop-connection' });
    hub.enqueue();
    const { messageId } = await device.next('publish');

    device.send({ cmd: 'puback', messageId: messageId ?? 0 });
    await device.closed();

    expect(hub.history()).toEqual(['enqueued', 'delivered', 'completed']);
  });
});

describe('a fault planned for methods', () => {
  test('"no-answer" at method-request keeps the request from the device', async () => {
    await device.subscribe(METHODS, 0);
    hub.faults.add('method-request', { kind: 'no-answer' });

    const failed = rejectedKind(callMethod());
    await device.settled();
    hub.clock.advance(5 * SECOND);

    expect(await failed).toBe('gatewayTimeout');
    expect(device.received('publish')).toEqual([]);
  });

  test('"delay" at method-answer lets it come late', async () => {
    await device.subscribe(METHODS, 0);
    hub.faults.add('method-answer', { kind: 'delay', ms: SECOND });
    const called = callMethod();
    const { topic } = await device.next('publish');

    device.publish(`$iothub/methods/res/200/${topic.slice(topic.indexOf('?'))}`, '1', { qos: 0 });
    await device.settled();
    expect(hub.state.methods.inFlight('device-1')).toBe(1);
    hub.wallClock.advance(SECOND);

    expect(await called).toMatchObject({ status: 200 });
  });
});

describe('a fault planned for twins', () => {
  const get = (): void => device.publish('$iothub/twin/GET/?$rid=1', '', { qos: 0 });

  test('"error" at twin-request is its status, and "no-answer" is none', async () => {
    await device.subscribe('$iothub/twin/res/#', 0);
    hub.faults.add('twin-request', { kind: 'error', httpStatus: 503, code: 503001 });
    hub.faults.add('twin-request', { kind: 'no-answer' });

    get();
    const { topic, payload } = await device.next('publish');
    get();
    await device.settled();

    expect(topic).toBe('$iothub/twin/res/503/?$rid=1');
    expect(JSON.parse(payload.toString())).toMatchObject({ errorCode: 503001 });
    expect(device.received('publish')).toEqual([]);
  });

  test('"no-answer" at twin-notification loses it', async () => {
    await device.subscribe('$iothub/twin/PATCH/properties/desired/#', 0);
    hub.faults.add('twin-notification', { kind: 'no-answer' });

    hub.state.twins.patch('device-1', { desired: { a: 1 } });
    hub.state.twins.patch('device-1', { desired: { b: 1 } });
    const { payload } = await device.next('publish');

    expect(JSON.parse(payload.toString())).toEqual({ b: 1, $version: 3 });
  });
});

describe('a fault planned for mqtt-subscribe', () => {
  test('"error" fails every subscription, "accept-then-no-answer" answers none', async () => {
    hub.faults.add('mqtt-subscribe', { kind: 'error' });
    hub.faults.add('mqtt-subscribe', { kind: 'accept-then-no-answer' });

    expect(await device.subscribe(MESSAGES)).toBe(0x80);
    device.send({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: MESSAGES, qos: 1 }] });
    hub.enqueue();
    await device.next('publish');

    expect(device.received('suback')).toEqual([]);
  });
});

describe('a fault planned for mqtt-connect', () => {
  test.each(['accept-then-drop-connection', 'close-connection'] as const)(
    '"%s" ends the connection without CONNACK',
    async (kind) => {
      hub.faults.add('mqtt-connect', { kind }, { deviceId: 'device-2', times: 1 });

      const other = await hub.connectRaw({ deviceId: 'device-2' });
      await other.closed();

      expect(other.received('connack')).toEqual([]);
    },
  );
});
