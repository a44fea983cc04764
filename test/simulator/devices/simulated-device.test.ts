import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  startSimulatedDevice,
  type SimulatedDevice,
  type SimulatedDeviceOptions,
} from '../../../simulator/devices/simulated-device.ts';
import { until } from '../../support/until.ts';
import { eventsOf } from '../hub/state/builders.ts';
import { AUTHORITY_PEM, startMqttHub, type MqttHub } from '../hub/mqtt/mqtt-hub.ts';

let hub: MqttHub;
let lines: string[];
const devices: SimulatedDevice[] = [];

beforeEach(async () => {
  hub = await startMqttHub();
  lines = [];
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map(async (device) => device.stop()));
  await hub.stop();
});

async function start(options: Partial<SimulatedDeviceOptions> = {}): Promise<SimulatedDevice> {
  const device = await startSimulatedDevice({
    connectionString: hub.connectionString(),
    certificateAuthorityPem: AUTHORITY_PEM,
    print: (line) => lines.push(line),
    reconnectDelaysMs: [20, 30],
    ...options,
  });
  devices.push(device);
  return device;
}

/** Open handles of this process that keep it alive. */
function handles(pattern: RegExp): number {
  return process.getActiveResourcesInfo().filter((name) => pattern.test(name)).length;
}
const sockets = () => handles(/^(TCPSocketWrap|TLSWrap)$/);
const timers = () => handles(/^Timeout$/);

function printed(text: string): number {
  return lines.filter((line) => line.includes(text)).length;
}

async function invoke(methodName: string, payload: string) {
  const result = await hub.state.methods.invoke({
    deviceId: 'device-1',
    methodName,
    payload: Buffer.from(payload),
    responseTimeoutMs: 5_000,
    connectTimeoutMs: 0,
  });
  return { status: result.status, payload: JSON.parse(result.payload.toString()) as unknown };
}

describe('a simulated device that gets a message', () => {
  test("prints it in the tutorials' words and counts it", async () => {
    const device = await start();
    lines.length = 0;

    hub.enqueue({ body: Buffer.from('{"on":"ä"}'), properties: { temperatureAlert: 'true' } });
    hub.enqueue({ messageId: 'message-2', body: Buffer.alloc(0), ack: 'none' });
    await until('the messages', () => device.messagesReceived === 2);

    expect(lines).toEqual([
      'Received Message [1]:',
      '    Data: <<<{"on":"ä"}>>> & Size=11',
      '    Properties: {"temperatureAlert":"true"}',
      '    Total calls received: 1',
      'Received Message [2]:',
      '    Data: <<<>>> & Size=0',
      '    Properties: {}',
      '    Total calls received: 2',
    ]);
    await until('the outcome', () => hub.history('message-2').includes('completed'));
  });

  test('sends the receipt that it is asked for, and none otherwise', async () => {
    await start();

    for (const receipt of ['maybe', 'error', 'ok'])
      hub.enqueue({ messageId: `m-${receipt}`, properties: { 'downlink-receipt': receipt } });
    await until('two receipts', () => eventsOf(hub.state).length === 2);

    expect(eventsOf(hub.state)).toMatchObject(
      ['error', 'ok'].map((receipt, place) => ({
        correlationId: `m-${receipt}`,
        properties: { 'downlink-receipt': receipt },
        body: Buffer.from(`{"received":${place + 2}}`),
      })),
    );
  });

  test('does not let it steer the terminal', async () => {
    const device = await start();
    lines.length = 0;

    hub.enqueue({ body: Buffer.from('\u001b[2Jgone\u0007\ttab') });
    await until('the message', () => device.messagesReceived === 1);

    expect(lines[1]).toBe('    Data: <<<\\x1b[2Jgone\\x07\ttab>>> & Size=13');
  });

  test('prints every one that waited while it was away', async () => {
    const first = await start();
    await first.stop();
    await until(
      'the end',
      () => hub.state.registry.get('device-1').connectionState !== 'Connected',
    );
    for (let index = 1; index <= 30; index++) hub.enqueue({ messageId: `message-${index}` });

    const second = await start();
    await until('the messages', () => hub.state.cloudToDevice.count('device-1') === 0);

    await until('their lines', () => second.messagesReceived === 30);
    expect(lines.filter((line) => line.startsWith('Received Message'))).toHaveLength(30);
  });
});

describe('a simulated device whose method is called', () => {
  test("prints the call in the tutorials' words, answers with 200 and counts", async () => {
    const device = await start();
    lines.length = 0;

    const result = await invoke('lockDoor', '{"door":1}');

    expect(result).toEqual({
      status: 200,
      payload: { Response: 'This is the response from the device' },
    });
    expect(lines).toEqual([
      'Direct method called.',
      'Method callback called with:',
      'methodName = lockDoor',
      'payload = {"door":1}',
    ]);
    await until('the count', () => device.methodsAnswered === 1);
  });

  test.each(['a', 'constructor', '__proto__', 'hasOwnProperty', '*', 'getTwin.v1'])(
    'answers the method %j, which it was never told of',
    async (methodName) => {
      await start();

      expect(await invoke(methodName, 'null')).toMatchObject({ status: 200 });
      expect(lines.slice(-2)).toEqual([`methodName = ${methodName}`, 'payload = null']);
    },
  );

  test('answers as it was told by the name of the method', async () => {
    await start({
      methodAnswers: {
        reboot: { status: 400, payload: { error: 'busy' } },
        echo: { status: 200, payload: null },
      },
    });

    expect(await invoke('reboot', '{}')).toEqual({ status: 400, payload: { error: 'busy' } });
    expect(await invoke('echo', '{}')).toEqual({ status: 200, payload: null });
    expect(await invoke('other', '{}')).toMatchObject({ status: 200 });
  });

  test('lets a callback answer, and be silent', async () => {
    const device = await start({
      onMethod: ({ methodName, payload }) =>
        methodName === 'silent' ? 'silence' : { status: 207, payload: [methodName, payload] },
    });

    expect(await invoke('double', '21')).toEqual({ status: 207, payload: ['double', 21] });
    const unanswered = invoke('silent', '{}');
    await until('the call', () => lines.includes('methodName = silent'));
    hub.clock.advance(5_000);
    await expect(unanswered).rejects.toMatchObject({ code: 504101 });
    expect(device.methodsAnswered).toBe(1);
  });

  test('prints that a callback failed, and lives on', async () => {
    await start({
      onMethod: ({ methodName }) => {
        if (methodName === 'bad') throw new Error('out of order');
        return undefined;
      },
    });

    const unanswered = invoke('bad', '{}');
    await until('the failure', () => lines.includes('Answer to bad was not sent: out of order'));
    hub.clock.advance(5_000);
    await expect(unanswered).rejects.toMatchObject({ code: 504101 });
    expect(await invoke('good', '{}')).toMatchObject({ status: 200 });
  });
});

describe('the connection of a simulated device', () => {
  test('is refused with a clear error when the key is wrong', async () => {
    const wrong = Buffer.alloc(32, 1).toString('base64');
    const connectionString = hub.connectionString().replace(/Key=[^;]+/, `Key=${wrong}`);

    const failure = start({ connectionString });

    await expect(failure).rejects.toThrow(
      `Device device-1 could not connect to localhost:${hub.head.port}: Connection refused: Not authorized`,
    );
    await expect(failure).rejects.not.toThrow(wrong);
  });

  test('names the certificate when it is not trusted', async () => {
    const options = { connectionString: hub.connectionString(), print: () => {} };

    await expect(startSimulatedDevice(options)).rejects.toThrow(/certificate/);
  });

  test('names the port when nobody listens', async () => {
    await hub.head.stop();

    await expect(start()).rejects.toThrow(/could not connect to localhost:\d+: .*ECONNREFUSED/);
  });

  test.each([
    ['', 'lacks HostName and DeviceId and SharedAccessKey'],
    ['nonsense', "a device's is HostName=…;DeviceId=…;SharedAccessKey=…"],
    ['HostName=h;DeviceId=d', 'lacks SharedAccessKey'],
    ['HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=c2VjcmV0', 'lacks DeviceId'],
  ])('needs the connection string of a device: %j', async (connectionString, message) => {
    await expect(start({ connectionString })).rejects.toThrow(message);
  });

  test('takes an address other than the hub’s own name', async () => {
    const connectionString = hub.connectionString().replace(/;GatewayHostName=.*/, '');

    const device = await start({
      connectionString,
      gatewayHostName: `localhost:${hub.head.port}`,
    });

    expect(device.isConnected).toBe(true);
    expect(device.deviceId).toBe('device-1');
  });

  test('comes back by itself after it was lost, with messages and methods', async () => {
    const device = await start();

    hub.head.dropConnections();
    hub.enqueue();
    await until('the return', () => printed('is connected') === 2);

    await until('the message', () => device.messagesReceived === 1);
    expect(await invoke('echo', '{}')).toMatchObject({ status: 200 });
    expect(lines[1]).toMatch(/^Device device-1 is disconnected \(.+\), next try in 0\.02 s\.$/);
  });

  test('is tried again when the hub refuses the device that was connected', async () => {
    const device = await start();
    hub.faults.add('mqtt-connect', { kind: 'error', httpStatus: 401 });

    hub.head.dropConnections();
    await until('the return', () => printed('is connected') === 2);

    expect(device.isConnected).toBe(true);
    expect(lines.at(-2)).toMatch(/Not authorized.*next try in 0\.03 s\.$/);
  });

  test('can be stopped while it waits to come back', async () => {
    const device = await start({ reconnectDelaysMs: [60_000] });
    hub.head.dropConnections();
    await until('the loss', () => !device.isConnected);
    await until('the end of the sockets', () => sockets() === 0);
    const before = timers();

    await device.stop();

    expect(timers()).toBeLessThan(before);

    expect(printed('next try')).toBe(1);
    expect(hub.log.entries().filter(({ event }) => event === 'connect')).toHaveLength(1);
  });

  test('can be stopped while the hub leaves it without an answer', async () => {
    const device = await start();
    hub.faults.add('mqtt-connect', { kind: 'no-answer' });
    hub.head.dropConnections();
    await until('the fault', () => hub.log.entries().some(({ event }) => event === 'fault'));

    await device.stop();

    await until('the end of the connection', () => hub.closeReasons().length === 2);
    expect(device.isConnected).toBe(false);
  });
});

test('a stopped device leaves no socket and no timer behind', async () => {
  await until('the end of earlier tests', () => sockets() === 0);
  const before = timers();

  const device = await start();
  await invoke('echo', '{}');
  expect(sockets()).toBeGreaterThan(0);
  expect(timers()).toBeGreaterThan(before);
  await device.stop();

  await until('its end', () => sockets() === 0);
  expect(timers()).toBeLessThanOrEqual(before);
});
