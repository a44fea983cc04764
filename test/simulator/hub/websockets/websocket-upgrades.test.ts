import { once } from 'node:events';
import { get } from 'node:https';
import type { Socket } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import device, { type Client, type Message } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import mqttPacket from 'mqtt-packet';
import { WebSocket } from 'ws';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';
import { until } from '../../../support/until.ts';

let hub: SimulatedHub;
let unmapPorts: () => void;
const clients: { close(): Promise<unknown> }[] = [];
beforeAll(async () => {
  hub = await startHub();
  // The other ports are not mapped: what arrives came through this one.
  unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { 443: hub.ports.https },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close().catch(() => {})));
});
afterAll(async () => {
  unmapPorts();
  await hub.stop();
});

type Transport = typeof deviceMqtt.MqttWs | typeof deviceAmqp.AmqpWs;

async function deviceClient(deviceId: string, transport: Transport) {
  hub.state.registry.create({ deviceId });
  const client: Client = device.Client.fromConnectionString(
    hub.deviceConnectionString(deviceId),
    transport,
  );
  client.setRetryPolicy(new common.NoRetry());
  clients.push(client);
  const messages: Message[] = [];
  client.on('message', (message: Message) => {
    messages.push(message);
    void client.complete(message);
  });
  client.onDeviceMethod('echo', (request, response) => void response.send(200, request.payload));
  await client.open();
  return { client, messages };
}

async function serviceClient(): Promise<iothub.Client> {
  const client = iothub.Client.fromConnectionString(hub.connectionString(), iothub.AmqpWs);
  client.setRetryPolicy(new common.NoRetry());
  clients.push(client);
  await client.open();
  return client;
}

function open(path: string, protocols: string[]): WebSocket {
  const socket = new WebSocket(`wss://localhost:443${path}`, protocols);
  socket.on('error', () => {});
  return socket;
}

async function refusal(
  path: string,
  protocols: string[],
): Promise<{ status: unknown; body: string }> {
  const socket = open(path, protocols);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, body };
}

const PATH = '/$iothub/websocket';

describe('The official SDKs over WebSockets', () => {
  test.each<[string, Transport]>([
    ['azure-iot-device-mqtt', deviceMqtt.MqttWs],
    ['azure-iot-device-amqp', deviceAmqp.AmqpWs],
  ])('bring a large message and a method from azure-iothub to %s', async (name, transport) => {
    const { client, messages } = await deviceClient(name, transport);
    const service = await serviceClient();
    const body = Buffer.alloc(60 * 1024, 'x');

    await service.send(name, new common.Message(body));
    const { result } = await service.invokeDeviceMethod(name, {
      methodName: 'echo',
      payload: { a: null },
      connectTimeoutInSeconds: 30,
    });
    await until('the end of the message', () => hub.state.cloudToDevice.count(name) === 0);
    await client.sendEvent(new device.Message('22.5'));

    expect(messages.map((message) => Buffer.from(message.getBytes()).length)).toEqual([
      body.length,
    ]);
    expect(result).toEqual({ status: 200, payload: { a: null } });
    expect(hub.state.registry.get(name).connectionState).toBe('Connected');
    await client.close();
    await until(
      'disconnected',
      () => hub.state.registry.get(name).connectionState === 'Disconnected',
    );
  });

  test('are cut off when the connections of the head are dropped', async () => {
    const { client } = await deviceClient('dropped', deviceMqtt.MqttWs);
    const gone = new Promise((resolve) => client.once('disconnect', resolve));

    hub.mqtt.dropConnections();
    await gone;

    expect(hub.state.registry.get('dropped').connectionState).toBe('Disconnected');
  });
});

describe('GET /$iothub/websocket', () => {
  test('takes the first subprotocol it knows, whatever is asked for in the query', async () => {
    const socket = open(`${PATH}?iothub-no-client-cert=true`, ['other', 'mqtt', 'AMQPWSB10']);
    await once(socket, 'open');

    expect(socket.protocol).toBe('mqtt');

    socket.terminate();
  });

  test.each(['/%24iothub/websocket', '/$servicebus/websocket', '/$servicebus/websocket/'])(
    'is at %s as well',
    async (path) => {
      const socket = open(path, ['AMQPWSB10']);

      await once(socket, 'open');

      expect(socket.protocol).toBe('AMQPWSB10');
      socket.terminate();
    },
  );

  test('is there when the target is a whole URL, as that of the Java SDK', async () => {
    const request = get({
      port: 443,
      path: `https://localhost${PATH}?iothub-no-client-cert=true`,
      headers: {
        connection: 'Upgrade,Keep-Alive',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': Buffer.alloc(16).toString('base64'),
        'sec-websocket-protocol': 'AMQPWSB10',
      },
    });

    const [response, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket];

    expect(response.headers['sec-websocket-protocol']).toBe('AMQPWSB10');
    socket.destroy();
  });

  test.each([
    [PATH, ['mqtt5'], 400, 'AMQPWSB10, mqtt'],
    [PATH, [], 400, 'AMQPWSB10, mqtt'],
    ['/mqtt', ['mqtt'], 404, PATH],
  ])('refuses %s for %j with %i and says what there is', async (path, protocols, status, hint) => {
    const refused = await refusal(path, protocols);

    expect(refused.status).toBe(status);
    expect((JSON.parse(refused.body) as { Message: string }).Message).toContain(hint);
  });

  test('takes no text', async () => {
    const socket = open(PATH, ['mqtt']);
    await once(socket, 'open');

    socket.send('hello');
    const [code] = (await once(socket, 'close')) as [number];

    expect(code).toBe(1003);
  });

  test('takes packets in pieces, and leaves no session open when the client vanishes', async () => {
    hub.state.registry.create({ deviceId: 'pieces' });
    const { primaryKey } = hub.state.registry.get('pieces');
    const expiry = Math.floor(Date.now() / 1000) + 3600;
    const connect = mqttPacket.generate({
      cmd: 'connect',
      protocolId: 'MQTT' as const,
      protocolVersion: 4,
      clean: true,
      clientId: 'pieces',
      keepalive: 60,
      username: 'localhost/pieces/?api-version=2021-04-12',
      password: Buffer.from(
        common.SharedAccessSignature.create(
          encodeURIComponent('localhost/devices/pieces'),
          '',
          primaryKey,
          expiry,
        ).toString(),
      ),
    });
    const socket = open(PATH, ['mqtt']);
    await once(socket, 'open');
    for (let start = 0; start < connect.length; start += 50)
      socket.send(connect.subarray(start, start + 50));
    const [connack] = (await once(socket, 'message')) as [Buffer];
    const during = hub.state.registry.get('pieces').connectionState;

    socket.terminate();
    await until(
      'disconnected',
      () => hub.state.registry.get('pieces').connectionState === 'Disconnected',
    );

    expect([...connack]).toEqual([0x20, 2, 0, 0]);
    expect(during).toBe('Connected');
  });

  test('is over when the hub stops', async () => {
    const other = await startHub();
    const socket = new WebSocket(`wss://localhost:${other.ports.https}${PATH}`, ['AMQPWSB10'], {
      ca: other.certificateAuthorityPem,
    });
    socket.on('error', () => {});
    await once(socket, 'open');
    const closed = once(socket, 'close');

    await other.stop();
    await closed;

    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });
});
