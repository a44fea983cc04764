import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fuzz, MAX_HEAP_GROWTH_BYTES } from './fuzz.ts';
import { startFuzzedHub, type FuzzedHub } from './fuzzed-hub.ts';
import { PlainPeer } from './plain-peer.ts';
import type { Random } from './random.ts';

const ANSWER_MS = 15;
const ALERT = 21;
const RECORD_TYPES: ReadonlySet<number> = new Set([20, ALERT, 22, 23]);
const RECORD_HEADER_BYTES = 5;

let hub: FuzzedHub;
let clientHello: Buffer;

beforeAll(async () => {
  hub = await startFuzzedHub();
  clientHello = await captureClientHello();
});

afterAll(async () => {
  await hub.stop();
});

async function captureClientHello(): Promise<Buffer> {
  const server = net.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ host: '127.0.0.1', port, servername: 'localhost' });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** In the order in which they are to be sent. */
function newInput(random: Random): Buffer[] {
  const record = (type: number, body: Buffer): Buffer =>
    Buffer.concat([Buffer.from([type, 3, 3, body.length >> 8, body.length & 0xff]), body]);
  return random.pick<() => Buffer[]>([
    () => [clientHello],
    () => [random.flipped(clientHello)],
    () => [random.flipped(clientHello), random.bytes(200)],
    () => [random.spliced(clientHello)],
    () => [clientHello.subarray(0, random.below(clientHello.length))],
    () => Array.from(clientHello.subarray(0, 60), (byte) => Buffer.from([byte])),
    () => [clientHello, clientHello],
    () => [clientHello, record(23, random.bytes(100))],
    () => [clientHello, record(20, Buffer.from([1])), record(22, random.bytes(60))],
    () => [record(ALERT, Buffer.from([1, 0])), clientHello],
    () => Array.from({ length: 50 }, () => record(ALERT, Buffer.from([1, random.below(256)]))),
    () => [record(22, Buffer.alloc(16_384, random.below(256)))],
    () => [Buffer.from([22, 3, 1, 0xff, 0xff]), random.bytes(500)],
    () => [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    () => [Buffer.from('AMQP\x03\x01\x00\x00', 'latin1')],
    () => [random.bytes(1 + random.below(600))],
    () => [],
  ])();
}

/** Throws unless the hub sent TLS records. */
function checkRecords(bytes: Buffer): void {
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length;) {
    const type = bytes.readUInt8(at);
    // Node's HTTPS server answers plain HTTP in kind, or not at all.
    if (!RECORD_TYPES.has(type)) throw new Error(`The hub sent a record of type ${type}`);
    at += RECORD_HEADER_BYTES + bytes.readUInt16BE(at + 3);
  }
}

async function send(random: Random): Promise<void> {
  const peer = await PlainPeer.connect(random.pick(Object.values(hub.ports)));
  try {
    for (const bytes of newInput(random)) peer.send(bytes);
    await peer.wait(() => peer.receivedBytes > 0, ANSWER_MS);
    checkRecords(peer.received);
  } finally {
    peer.leave(random.chance(0.5));
  }
}

describe('TLS handshakes gone wrong', () => {
  test('do the hub no harm', async () => {
    const grownBytes = await fuzz('TLS', hub, { send });

    expect(grownBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });
});
