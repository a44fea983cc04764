import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import mqttPacket from 'mqtt-packet';
import { AMQP_HEADER, begin, open, SASL_HEADER, saslInit } from '../amqp/raw-frames.ts';
import { fuzz, MAX_HEAP_GROWTH_BYTES } from './fuzz.ts';
import { startFuzzedHub, type FuzzedHub } from './fuzzed-hub.ts';
import { readAnswers } from './http-answers.ts';
import { PlainPeer } from './plain-peer.ts';
import type { Random } from './random.ts';
import { checkFrames, newFrames } from './websocket-frames.ts';

const HANDSHAKE_MS = 60;
const ANSWER_MS = 15;
const SWITCHING_PROTOCOLS = 101;
const PATHS = ['/$iothub/websocket', '/$iothub/websocket', '/$servicebus/websocket'];
/** What the connections within carry. */
const PAYLOADS: readonly Buffer[] = [
  AMQP_HEADER,
  Buffer.concat([AMQP_HEADER, open(), begin()]),
  Buffer.concat([SASL_HEADER, saslInit('ANONYMOUS')]),
  mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'fuzzed',
    keepalive: 1,
    username: 'localhost/fuzzed/?api-version=2021-04-12',
    password: Buffer.from('SharedAccessSignature sr=x&sig=x&se=1'),
  }),
  mqttPacket.generate({ cmd: 'pingreq' }),
  Buffer.alloc(0),
  Buffer.alloc(70_000, 1),
];

let hub: FuzzedHub;
let secureContext: tls.SecureContext;

beforeAll(async () => {
  hub = await startFuzzedHub();
  secureContext = tls.createSecureContext({ ca: hub.certificateAuthorityPem });
});

afterAll(async () => {
  await hub.stop();
});

function handshake(random: Random): Buffer {
  const lines = [
    `GET ${random.pick(PATHS)}?x=y HTTP/1.1`,
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${random.pick(['AMQPWSB10', 'mqtt', 'mqtt, AMQPWSB10'])}`,
  ];
  if (random.chance(0.3)) {
    const odd = random.pick([
      'Sec-WebSocket-Version: 7',
      'Sec-WebSocket-Key: short',
      'Sec-WebSocket-Protocol: soap',
      'Sec-WebSocket-Protocol: ,,',
      'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
      'Upgrade: h2c',
      'Content-Length: 9',
      'POST /$iothub/websocket HTTP/1.1',
    ]);
    const name = odd.split(':')[0] ?? '';
    const place = lines.findIndex((line) => line.startsWith(name));
    lines.splice(Math.max(place, 0), place < 0 && !odd.startsWith('POST') ? 0 : 1, odd);
  }
  const bytes = Buffer.from([...lines, '', ''].join('\r\n'), 'latin1');
  return random.chance(0.1) ? random.flipped(bytes) : bytes;
}

async function send(random: Random): Promise<void> {
  const peer = await PlainPeer.connectTls(hub.ports.https, secureContext);
  try {
    peer.send(handshake(random));
    const frames = newFrames(random, PAYLOADS);
    // Some do not wait for the answer.
    const isHasty = random.chance(0.2);
    if (isHasty) peer.send(Buffer.concat(frames));
    await peer.wait(
      () => readAnswers(peer.received).length > 0,
      isHasty ? ANSWER_MS : HANDSHAKE_MS,
    );
    const [answer] = readAnswers(peer.received);
    if (answer && answer.status >= 500) throw new Error(`The hub answered ${answer.status}`);
    if (answer?.status !== SWITCHING_PROTOCOLS) return;
    for (const bytes of isHasty ? [] : frames) peer.send(bytes);
    const before = peer.receivedBytes;
    await peer.wait(() => peer.receivedBytes > before, ANSWER_MS);
    checkFrames(peer.received.subarray(peer.received.indexOf('\r\n\r\n') + 4));
  } finally {
    peer.leave(random.chance(0.5));
  }
}

describe('WebSockets, their handshakes and frames gone wrong', () => {
  test('do the hub no harm', async () => {
    const grownBytes = await fuzz('WebSockets', hub, { send });

    expect(grownBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });
});
