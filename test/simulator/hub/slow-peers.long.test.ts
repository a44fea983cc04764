import https from 'node:https';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import mqttPacket from 'mqtt-packet';
import { startHubProcess, type HubProcess } from '../../support/hub-process/hub-process.ts';
import { until } from '../../support/until.ts';
import { PlainPeer } from './fuzz/plain-peer.ts';

const MIB = 1024 * 1024;
/** Objects of Node and of the compiler come and go. */
const NOTHING_LEFT_BYTES = 4 * MIB;
const API_VERSION = 'api-version=2021-04-12';
const SLOW = 'slow';
const CONNACK_AND_SUBACK_BYTES = 4 + 6;

let hub: HubProcess;
let secureContext: tls.SecureContext;
let peers: PlainPeer[];

beforeEach(async () => {
  hub = await startHubProcess();
  secureContext = tls.createSecureContext({ ca: hub.certificateAuthorityPem });
  peers = [];
});

afterEach(async () => {
  for (const peer of peers) peer.destroy();
  await hub.stop();
});

function tokenOf(connectionString: string, resource: string, policyName = ''): string {
  const key = /SharedAccessKey=(.*)$/.exec(connectionString)?.[1] ?? '';
  const expiry = Math.floor(Date.now() / 1000) + 3_600;
  return common.SharedAccessSignature.create(resource, policyName, key, expiry).toString();
}

async function opened(count: number, open: () => Promise<PlainPeer>): Promise<PlainPeer[]> {
  const all: PlainPeer[] = [];
  for (let left = count; left > 0; left -= 50)
    all.push(...(await Promise.all(Array.from({ length: Math.min(left, 50) }, open))));
  peers.push(...all);
  return all;
}

async function subscribedDevice(connectionString: string): Promise<PlainPeer> {
  const device = await PlainPeer.connect(hub.plainPorts.mqtt);
  peers.push(device);
  const subscriptions = [
    { topic: `devices/${SLOW}/messages/devicebound/#`, qos: 1 as const },
    { topic: '$iothub/methods/POST/#', qos: 0 as const },
  ];
  device.send(
    mqttPacket.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      clientId: SLOW,
      keepalive: 0,
      username: `localhost/${SLOW}/?${API_VERSION}`,
      password: Buffer.from(tokenOf(connectionString, `localhost/devices/${SLOW}`)),
    }),
  );
  device.send(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions }));
  return device;
}

async function heapBytes(): Promise<number> {
  return (await hub.ask('memory')).heapBytes;
}

async function untilHeapIsBack(beforeBytes: number): Promise<void> {
  await until('the heap is as before', async () => {
    return (await heapBytes()) < beforeBytes + NOTHING_LEFT_BYTES;
  });
}

describe('a device that reads nothing', () => {
  test('while 50 messages of 60 KB wait and methods of 100 KB flood in is bounded', async () => {
    const message = { messageId: 'large', body: Buffer.alloc(60_000) };
    const [connectionString = ''] = await hub.ask('devices', [SLOW]);
    // What the first device of all brings along is there before.
    const early = await subscribedDevice(connectionString);
    await early.wait(() => early.receivedBytes >= CONNACK_AND_SUBACK_BYTES, 10_000);
    early.destroy();
    await hub.ask('fill', { devices: [SLOW], count: 50, message });
    const before = await heapBytes();
    const device = await subscribedDevice(connectionString);
    device.pause();
    const token = tokenOf(hub.connectionString, 'localhost', 'iothubowner');
    const agent = new https.Agent({ keepAlive: true, ca: hub.certificateAuthorityPem });
    let refused = 0;
    for (let count = 0; count < 200; count++) {
      const request = https.request({
        agent,
        host: 'localhost',
        port: hub.ports.https,
        method: 'POST',
        path: `/twins/${SLOW}/methods?${API_VERSION}`,
        headers: { authorization: token },
      });
      request.on('error', () => {});
      request.on('response', (response) => {
        refused++;
        response.resume();
      });
      request.end(
        JSON.stringify({
          methodName: 'flood',
          connectTimeoutInSeconds: 60,
          responseTimeoutInSeconds: 300,
          payload: 'x'.repeat(100_000),
        }),
      );
    }

    // Of 200 calls the hub keeps 100 in flight.
    await until('a hundred calls are refused', () => refused >= 100);
    expect((await heapBytes()) - before).toBeLessThan(32 * MIB);

    agent.destroy();
    device.destroy();
    await untilHeapIsBack(before);
    expect(await hub.ask('queued', SLOW)).toBe(50);
    expect(await hub.ask('problems')).toEqual([]);
  });
});

describe('clients that write slowly', () => {
  test('300 bodies that stay half-sent are bounded, and are given back', async () => {
    const before = await heapBytes();
    const token = tokenOf(hub.connectionString, 'localhost', 'iothubowner');
    const head = [
      `POST /twins/${SLOW}/methods?${API_VERSION} HTTP/1.1`,
      'Host: localhost',
      `Authorization: ${token}`,
      'Content-Length: 100000',
      '',
      '',
    ].join('\r\n');

    const half = await opened(300, async () =>
      PlainPeer.connectTls(hub.ports.https, secureContext),
    );
    for (const peer of half) peer.send(Buffer.concat([Buffer.from(head), Buffer.alloc(90_000)]));

    await until('most of it has come', async () => (await heapBytes()) > before + 20 * MIB);
    expect((await heapBytes()) - before).toBeLessThan(80 * MIB);
    for (const peer of half) peer.destroy();
    await untilHeapIsBack(before);
    expect(await hub.ask('problems')).toEqual([]);
  });
});

describe('clients that say nothing', () => {
  test('before a handshake, a CONNECT, an Open or the end of a header cost little, and are not waited for', async () => {
    const heldBefore = await hub.ask('held');
    const before = await heapBytes();
    const { amqp, mqtt, https: httpsPort } = hub.ports;
    const silent: PlainPeer[] = [];
    for (const port of [amqp, mqtt, httpsPort, hub.plainPorts.amqp, hub.plainPorts.mqtt])
      silent.push(...(await opened(800, async () => PlainPeer.connect(port))));
    const halfHeader =
      'GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n';
    const unfinished = await opened(200, async () =>
      PlainPeer.connectTls(httpsPort, secureContext),
    );
    for (const peer of unfinished) peer.send(Buffer.from(halfHeader));
    silent.push(...unfinished);

    const perConnection = ((await heapBytes()) - before) / silent.length;

    process.stderr.write(
      `silent connections: ${(perConnection / 1024).toFixed(1)} KiB of heap each\n`,
    );
    expect(perConnection).toBeLessThan(30 * 1024);
    // 20 s for TLS, 30 s for CONNECT, 60 s for Open and a token, 60 s for a header and 30 s to notice.
    await until('all are closed', () => silent.every((peer) => peer.isOver), 120_000);
    await until('nothing is held', async () => {
      const { sockets } = await hub.ask('held');
      return sockets <= heldBefore.sockets;
    });
    expect(await hub.ask('problems')).toEqual([]);
  });
});
