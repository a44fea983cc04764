import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Message } from 'azure-iot-device';
import { until } from '../../../support/until.ts';
import { HOUR_MS, startMqttHub, type MqttHub } from './mqtt-hub.ts';
import type { RawMqttOptions } from './raw-mqtt-client.ts';

const OTHER_KEY = Buffer.alloc(32, 7).toString('base64');
const SECOND_MS = 1_000;

let hub: MqttHub;

beforeEach(async () => {
  hub = await startMqttHub(['device-1', 'device-2']);
});

afterEach(async () => {
  await hub.stop();
});

async function answerTo(options: Partial<RawMqttOptions>): Promise<number | undefined> {
  const client = await hub.connectRaw(options);
  const { returnCode } = await client.next('connack');
  if (returnCode !== 0) await client.closed();
  return returnCode;
}

function connectionState(deviceId = 'device-1') {
  return hub.state.registry.get(deviceId).connectionState;
}

describe('CONNECT', () => {
  test.each<[string, () => Partial<RawMqttOptions>]>([
    ['the primary key', () => ({})],
    [
      'the secondary key',
      () => ({ password: hub.token({ key: hub.state.registry.get('device-1').secondaryKey }) }),
    ],
    [
      'a policy that lets devices connect',
      () => {
        const { name: policyName, primaryKey: key } = hub.policy('device');
        return { password: hub.token({ policyName, key, resource: 'localhost' }) };
      },
    ],
    ['a port in the host name', () => ({ userName: 'LocalHost:8883/device-1/?api-version=1' })],
    [
      'more fields in the user name',
      () => ({ userName: `localhost/device-1/?api-version=1&a=b/c` }),
    ],
    ['an older user name', () => ({ userName: 'localhost/device-1/api-version=2016-11-14' })],
    [
      'a will on its events topic',
      () => ({ will: { topic: 'devices/device-1/messages/events/a=b', payload: 'gone', qos: 1 } }),
    ],
  ])('is accepted with %s', async (_, options) => {
    expect(await answerTo(options())).toBe(0);
    expect(connectionState()).toBe('Connected');
  });

  test.each<[string, number, () => Partial<RawMqttOptions>]>([
    ['a wrong key', 5, () => ({ password: hub.token({ key: OTHER_KEY }) })],
    ["another device's token", 5, () => ({ password: hub.token({ deviceId: 'device-2' }) })],
    ['an expired token', 5, () => ({ password: hub.token({ lifetimeSeconds: -1 }) })],
    [
      'a token for another hub',
      5,
      () => ({ password: hub.token({ resource: 'other/devices/device-1' }) }),
    ],
    ['a password that is no token', 5, () => ({ password: 'secret' })],
    ['no password', 4, () => ({ password: '' })],
    [
      'a policy without the right',
      5,
      () => {
        const { name: policyName, primaryKey: key } = hub.policy('service');
        return { password: hub.token({ policyName, key, resource: 'localhost' }) };
      },
    ],
    ['an unknown device', 5, () => ({ deviceId: 'device-3', password: hub.token() })],
    ['a malformed device id', 5, () => ({ deviceId: 'device-1#+foo', password: hub.token() })],
    ['a module', 5, () => ({ clientId: 'device-1/module' })],
    ['a client id of another device', 5, () => ({ clientId: 'device-2' })],
    [
      'a user name of another device',
      5,
      () => ({ userName: 'localhost/device-2/?api-version=2021-04-12' }),
    ],
    ['no client id', 2, () => ({ clientId: '', clean: true })],
    ['a user name without an api-version', 4, () => ({ userName: 'localhost/device-1' })],
    ['a user name that is the device id', 4, () => ({ userName: 'device-1' })],
    ['the name of another hub', 5, () => ({ userName: 'other/device-1/?api-version=1' })],
  ])('is refused at once with %s: return code %i', async (_, returnCode, options) => {
    expect(await answerTo(options())).toBe(returnCode);
    expect(connectionState()).toBe('Disconnected');
  });

  test('of a disabled device is refused', async () => {
    hub.state.registry.update({ deviceId: 'device-1', status: 'disabled' }, '*');

    expect(await answerTo({})).toBe(5);
  });

  test.each([
    ['MQTT 3.1', { protocolId: 'MQIsdp' as const, protocolVersion: 3 as const }],
    ['MQTT 5', { protocolId: 'MQTT' as const, protocolVersion: 5 as const }],
  ])('of %s is refused with return code 1', async (_, protocol) => {
    const client = await hub.openRaw();
    client.send(
      { cmd: 'connect', clientId: 'device-1', clean: true, keepalive: 60, ...protocol },
      protocol.protocolVersion,
    );

    expect(await client.next('connack')).toMatchObject({ returnCode: 1, sessionPresent: false });
    await client.closed();
  });

  test('of a protocol level nobody has heard of is refused with return code 1', async () => {
    const client = await hub.openRaw();
    client.sendBytes(Buffer.from('100c00044d515454090200000000', 'hex'));

    expect(await client.next('connack')).toMatchObject({ returnCode: 1 });
    await client.closed();
  });

  test('twice on one connection ends it', async () => {
    const client = await hub.connectRaw();
    await client.connected();
    client.connect({ password: hub.token() });

    await client.closed();
    expect(connectionState()).toBe('Disconnected');
  });

  test('must come first', async () => {
    const client = await hub.openRaw();
    client.send({ cmd: 'pingreq' });

    await client.closed();
    expect(hub.closeReasons()).toEqual(['pingreq before CONNECT']);
  });

  test('must come within 30 seconds', async () => {
    const client = await hub.openRaw();
    await until('the connection', () => hub.log.entries().length > 0);
    hub.wallClock.advance(30 * SECOND_MS);

    await client.closed();
    expect(hub.closeReasons()).toEqual(['no CONNECT in time']);
  });

  test('with a will for another topic ends the connection', async () => {
    const will = { topic: 'devices/device-2/messages/events/', payload: 'gone', qos: 0 as const };
    const client = await hub.connectRaw({ will });

    await client.closed();
    expect(client.received('connack')).toEqual([]);
  });

  test('is refused to the official SDK as not authorized, not by a time-out', async () => {
    const connectionString = hub
      .connectionString()
      .replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${OTHER_KEY}`);
    const client = await hub.sdkClient('device-1', {}, connectionString);

    await expect(client.open()).rejects.toMatchObject({ name: 'UnauthorizedError' });
  });
});

describe('a connection', () => {
  test('is replaced by a newer one of the same device', async () => {
    const older = await hub.connectRaw();
    await older.connected();
    const newer = await hub.connectRaw();
    await newer.connected();

    await older.closed();
    await newer.settled();
    expect(hub.closeReasons()).toEqual(['400027 a newer connection of the device took over']);
    expect(connectionState()).toBe('Connected');
  });

  test('that takes over gets the messages the older one did not acknowledge', async () => {
    const older = await hub.connectRaw();
    await older.connected();
    await older.subscribe('devices/device-1/messages/devicebound/#');
    hub.enqueue();
    await older.next('publish');

    const newer = await hub.connectRaw();
    await newer.connected();

    expect(await newer.next('publish')).toMatchObject({ dup: true });
  });

  test('is not replaced by one that is refused', async () => {
    const older = await hub.connectRaw();
    await older.connected();
    await answerTo({ password: hub.token({ key: OTHER_KEY }) });

    await older.settled();
    expect(older.isClosed).toBe(false);
  });

  test('ends when its token expires', async () => {
    const client = await hub.connectRaw({ password: hub.token({ lifetimeSeconds: 60 }) });
    await client.connected();

    hub.wallClock.advance(59 * SECOND_MS);
    await client.settled();
    hub.wallClock.advance(2 * SECOND_MS);

    await client.closed();
    expect(hub.closeReasons()).toEqual(['401003 the token has expired']);
  });

  test.each<[string, () => void]>([
    ['deleted', () => hub.state.registry.delete('device-1')],
    [
      'disabled',
      () => hub.state.registry.update({ deviceId: 'device-1', status: 'disabled' }, '*'),
    ],
  ])('ends at once when its device is %s', async (reason, revoke) => {
    const client = await hub.connectRaw();
    await client.connected();
    const other = await hub.connectRaw({ deviceId: 'device-2' });
    await other.connected();

    revoke();

    await client.closed();
    await other.settled();
    expect(hub.closeReasons()).toEqual([`the device was ${reason}`]);
  });

  test('ends after one and a half times its keep-alive without a packet', async () => {
    const client = await hub.connectRaw({ keepAliveSeconds: 10 });
    await client.connected();

    hub.wallClock.advance(14 * SECOND_MS);
    await client.settled();
    hub.wallClock.advance(14 * SECOND_MS);
    await client.settled();
    hub.wallClock.advance(15 * SECOND_MS);

    await client.closed();
    expect(connectionState()).toBe('Disconnected');
  });

  test.each([0, 65_535])(
    'with a keep-alive of %i seconds ends after 1,767 seconds of silence',
    async (keepAliveSeconds) => {
      const client = await hub.connectRaw({ keepAliveSeconds });
      await client.connected();

      hub.wallClock.advance(1_766 * SECOND_MS);
      await client.settled();
      hub.wallClock.advance(1_767 * SECOND_MS);

      await client.closed();
      expect(hub.closeReasons()).toEqual(['nothing heard for 1.5 times the keep-alive']);
    },
  );

  test('outlives a move of the clock that rules the queues', async () => {
    const client = await hub.connectRaw({ keepAliveSeconds: 10 });
    await client.connected();

    hub.clock.advance(48 * HOUR_MS);

    await client.settled();
    expect(client.isClosed).toBe(false);
  });

  test('tells the registry of the device its state and last activity', async () => {
    const before = hub.state.registry.get('device-1').lastActivityAt;
    const client = await hub.connectRaw();
    await client.connected();
    hub.clock.advance(5_000);
    client.publish('devices/device-1/messages/events/', 'hello');
    await client.next('puback');

    expect(before).toBeUndefined();
    expect(hub.state.registry.get('device-1')).toMatchObject({
      connectionState: 'Connected',
      lastActivityAt: hub.clock.now(),
    });

    client.send({ cmd: 'disconnect' });
    await client.closed();
    expect(connectionState()).toBe('Disconnected');
  });

  test('can be dropped with all others, and their devices come back to their messages', async () => {
    const messages: string[] = [];
    const first = await hub.sdkClient();
    let isLost = false;
    first.on('disconnect', () => (isLost = true));
    first.on('message', () => {});
    await first.open();
    await until('the subscription', () =>
      hub.log.entries().some(({ event }) => event === 'subscribe'),
    );

    hub.head.dropConnections();
    await until('the loss', () => isLost);
    hub.enqueue();
    const again = await hub.sdkClient();
    again.on('message', ({ messageId }: Message) => messages.push(messageId));
    await again.open();

    await until('the message', () => messages.length > 0);
    expect(messages).toEqual(['message-1']);
  });
});

describe('a planned fault of CONNECT', () => {
  test('can leave it without an answer', async () => {
    hub.faults.add('mqtt-connect', { kind: 'no-answer' });
    const client = await hub.connectRaw();
    await until('the fault', () => hub.log.entries().some(({ event }) => event === 'fault'));

    expect(client.isClosed).toBe(false);
    expect(connectionState()).toBe('Disconnected');
    expect(await answerTo({})).toBe(0);
    expect(client.received('connack')).toEqual([]);
  });

  test('can drop the connection', async () => {
    hub.faults.add('mqtt-connect', { kind: 'drop-connection' });
    const client = await hub.connectRaw();

    await client.closed();
    expect(client.received('connack')).toEqual([]);
  });

  test.each([
    [{ httpStatus: 401 }, 5],
    [{ code: 2 }, 2],
    [{ httpStatus: 503 }, 3],
    [{}, 3],
  ])('can answer with an error %j: return code %i', async (error, returnCode) => {
    hub.faults.add('mqtt-connect', { kind: 'error', ...error });

    expect(await answerTo({})).toBe(returnCode);
    expect(await answerTo({})).toBe(0);
  });

  test('can delay the answer; what came meanwhile is answered after it', async () => {
    hub.faults.add('mqtt-connect', { kind: 'delay', ms: 3_000 });
    const client = await hub.openRaw();
    client.connect({ password: hub.token() }, { cmd: 'pingreq' });
    await until('the fault', () => hub.log.entries().some(({ event }) => event === 'fault'));
    hub.wallClock.advance(2_999);
    expect(connectionState()).toBe('Disconnected');

    hub.wallClock.advance(1);

    await client.connected();
    await client.next('pingresp');
  });

  test('can let the device in and never say so', async () => {
    const older = await hub.connectRaw();
    await older.connected();
    hub.faults.add('mqtt-connect', { kind: 'accept-then-no-answer' });
    const client = await hub.connectRaw();

    await older.closed();
    await until('the connection', () => connectionState() === 'Connected');
    expect(client.received('connack')).toEqual([]);
  });
});

test('stopping ends connections of every kind, also one amid its TLS handshake', async () => {
  const client = await hub.connectRaw();
  await client.connected();
  const halfOpen = await hub.openTcp();

  await hub.head.stop();

  await client.closed();
  await halfOpen.closed();
  expect(connectionState()).toBe('Disconnected');
});
