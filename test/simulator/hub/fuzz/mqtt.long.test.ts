import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import device, { type Twin } from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { mapPorts } from '@downlink/simulator';
import { until } from '../../../support/until.ts';
import { conversationOf, newInput, say, type Conversation } from './conversation.ts';
import { CONCURRENCY, fuzz, MAX_HEAP_GROWTH_BYTES } from './fuzz.ts';
import { startFuzzedHub, type FuzzedHub } from './fuzzed-hub.ts';
import { MQTT_MUTATIONS } from './mqtt-inputs.ts';
import { checkPackets, splitPackets } from './mqtt-packets.ts';
import { PlainPeer } from './plain-peer.ts';
import type { Random } from './random.ts';
import { startRecordingProxy, type RecordingProxy } from './recording-proxy.ts';

/** One for each connection at a time: a second one would take over from the first. */
const DEVICES = Array.from({ length: CONCURRENCY }, (_, slot) => `mqtt-${slot}`);
const WAITING_MESSAGES = 5;

let hub: FuzzedHub;
let proxy: RecordingProxy;
let unmapPorts: () => void;
const conversations: Conversation[] = [];

beforeAll(async () => {
  hub = await startFuzzedHub();
  proxy = await startRecordingProxy(hub.plainPorts.mqtt);
  unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { ...hub.ownPorts, 8883: proxy.port },
    certificateAuthorityPem: proxy.certificateAuthorityPem + hub.certificateAuthorityPem,
  });
  const service = iothub.Client.fromConnectionString(hub.connectionString);
  for (const [slot, connectionString] of (await hub.ask('devices', DEVICES)).entries())
    conversations.push(await oneDevice(DEVICES[slot] ?? '', connectionString, service));
  await service.close();
});

afterAll(async () => {
  unmapPorts();
  await proxy.stop();
  await hub.stop();
});

/** Takes messages, answers a method, sends an event, reads its twin, reports. */
async function oneDevice(
  deviceId: string,
  connectionString: string,
  service: iothub.Client,
): Promise<Conversation> {
  const client = device.Client.fromConnectionString(connectionString, deviceMqtt.Mqtt);
  client.setRetryPolicy(new common.NoRetry());
  let received = 0;
  client.on('message', () => received++);
  await client.open();
  client.onDeviceMethod('reboot', (_request, response) => response.send(200, {}, () => {}));
  const message = { messageId: 'a', body: Buffer.from('x') };
  await hub.ask('fill', { devices: [deviceId], count: 1, message });
  await service.invokeDeviceMethod(deviceId, {
    methodName: 'reboot',
    payload: null,
    connectTimeoutInSeconds: 10,
  });
  await client.sendEvent(new device.Message('telemetry'));
  const twin: Twin = await client.getTwin();
  twin.on('properties.desired', () => {});
  await new Promise((resolve) => twin.properties.reported['update']({ colour: 'red' }, resolve));
  await until('a message', () => received > 0);
  await client.close();
  const [recording] = proxy.take();
  if (!recording) throw new Error('Nothing was recorded');
  return conversationOf(recording, splitPackets);
}

async function prepare(): Promise<void> {
  const message = { messageId: 'waiting', body: Buffer.from('x'), ack: 'full' };
  await hub.ask('fill', { devices: DEVICES, count: WAITING_MESSAGES, message });
}

async function send(random: Random, slot: number): Promise<void> {
  const own = conversations[slot] ?? [];
  const input = newInput(random, own, MQTT_MUTATIONS, conversations);
  const peer = await PlainPeer.connect(hub.plainPorts.mqtt);
  try {
    await say(input, peer, splitPackets);
    checkPackets(peer.received, peer.hasHubEnded);
  } finally {
    peer.leave(random.chance(0.5));
  }
}

describe('MQTT of the official SDK, gone wrong', () => {
  test('does the hub no harm', async () => {
    const grownBytes = await fuzz('MQTT', hub, { prepare, send });

    expect(grownBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });
});
