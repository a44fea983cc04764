import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import iothub from 'azure-iothub';
import { mapPorts } from '@downlink/simulator';
import { until } from '../../../support/until.ts';
import { SASL_HEADER, saslInit } from '../amqp/raw-frames.ts';
import { checkAnswers, splitFrames } from './amqp-frames.ts';
import { AMQP_MUTATIONS } from './amqp-inputs.ts';
import { conversationOf, newInput, say, type Conversation } from './conversation.ts';
import { fuzz, MAX_HEAP_GROWTH_BYTES } from './fuzz.ts';
import { startFuzzedHub, type FuzzedHub } from './fuzzed-hub.ts';
import { PlainPeer } from './plain-peer.ts';
import type { Random } from './random.ts';
import { startRecordingProxy, type Recording, type RecordingProxy } from './recording-proxy.ts';

const DEVICE = 'fuzzed';
const WAITING_MESSAGES = 20;
let hub: FuzzedHub;
let proxy: RecordingProxy;
let unmapPorts: () => void;
let conversations: readonly Conversation[];

beforeAll(async () => {
  hub = await startFuzzedHub({ settings: { feedback: { intervalMs: 0 } } });
  proxy = await startRecordingProxy(hub.plainPorts.amqp);
  unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { ...hub.ownPorts, 5671: proxy.port },
    certificateAuthorityPem: proxy.certificateAuthorityPem + hub.certificateAuthorityPem,
  });
  const [deviceConnectionString = ''] = await hub.ask('devices', [DEVICE]);
  const spoken = [await backEnd(), await oneDevice(deviceConnectionString)].map((recording) =>
    conversationOf(recording, splitFrames),
  );
  conversations = [...spoken, ...spoken.map(withSasl)];
});

afterAll(async () => {
  unmapPorts();
  await proxy.stop();
  await hub.stop();
});

/** Sends messages, one of them in vain, and reads feedback. */
async function backEnd() {
  const service = iothub.Client.fromConnectionString(hub.connectionString);
  service.setRetryPolicy(new common.NoRetry());
  const message = new common.Message('to the device');
  message.messageId = 'one';
  message.ack = 'full';
  message.properties.add('colour', 'red');
  await service.send(DEVICE, message);
  await service.send('nobody', message).catch(() => {});
  const { result: receiver } = await service.getFeedbackReceiver();
  let batches = 0;
  receiver?.on('message', () => batches++);
  await until('the message waits', async () => (await hub.ask('queued', DEVICE)) === 1);
  const reader = device.Client.fromConnectionString(
    (await hub.ask('devices', [DEVICE]))[0] ?? '',
    deviceAmqp.Amqp,
  );
  reader.on('message', (received: common.Message) => void reader.complete(received));
  await until('feedback', () => batches > 0);
  await reader.close();
  await service.close();
  return firstRecording();
}

/** Settles messages in every way, answers a method, sends events. */
async function oneDevice(connectionString: string) {
  const client = device.Client.fromConnectionString(connectionString, deviceAmqp.Amqp);
  client.setRetryPolicy(new common.NoRetry());
  await client.open();
  let received = 0;
  client.on('message', (message: common.Message) => {
    received++;
    if (received === 1) void client.complete(message);
    else if (received === 2) void client.reject(message);
    else if (received === 3) void client.abandon(message);
    else void client.complete(message);
  });
  let calls = 0;
  client.onDeviceMethod('reboot', (_request, response) => {
    calls++;
    response.send(200, { done: true }, () => {});
  });
  const service = iothub.Client.fromConnectionString(hub.connectionString);
  const message = { messageId: 'a', body: Buffer.from('x') };
  await hub.ask('fill', { devices: [DEVICE], count: 3, message });
  await until('four deliveries', () => received >= 4);
  await service.invokeDeviceMethod(DEVICE, {
    methodName: 'reboot',
    payload: null,
    connectTimeoutInSeconds: 10,
  });
  await until('a call', () => calls === 1);
  await client.sendEvent(new device.Message('telemetry'));
  await service.close();
  await client.close();
  return firstRecording();
}

function firstRecording(): Recording {
  const [recording] = proxy.take();
  if (!recording) throw new Error('Nothing was recorded');
  return recording;
}

/** As Event Hubs clients and the SDKs of other languages begin. */
function withSasl(conversation: Conversation): Conversation {
  const sasl = [
    { bytes: SASL_HEADER, awaitedParts: 0 },
    { bytes: saslInit('ANONYMOUS'), awaitedParts: 2 },
  ];
  return [
    ...sasl,
    ...conversation.map(({ bytes, awaitedParts }) => ({
      bytes,
      awaitedParts: awaitedParts + 3,
    })),
  ];
}

async function send(random: Random): Promise<void> {
  const input = newInput(random, random.pick(conversations), AMQP_MUTATIONS, conversations);
  const peer = await PlainPeer.connect(hub.plainPorts.amqp);
  try {
    await say(input, peer, splitFrames);
    checkAnswers(peer.received, peer.hasHubEnded);
  } finally {
    peer.leave(random.chance(0.5));
  }
}

/** Something to deliver, and to give feedback about. */
async function prepare(): Promise<void> {
  const message = { messageId: 'waiting', body: Buffer.from('x'), ack: 'full' };
  await hub.ask('fill', { devices: [DEVICE], count: WAITING_MESSAGES, message });
}

describe('AMQP of the official SDKs, gone wrong', () => {
  test('does the hub no harm', async () => {
    const grownBytes = await fuzz('AMQP', hub, { prepare, send });

    expect(grownBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });
});
