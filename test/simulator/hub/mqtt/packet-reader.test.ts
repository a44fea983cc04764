import { describe, expect, test } from '@jest/globals';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { MAX_PACKET_BYTES } from '../../../../simulator/hub/mqtt/limits.ts';
import {
  PacketReader,
  ProtocolError,
  ProtocolLevelError,
} from '../../../../simulator/hub/mqtt/packet-reader.ts';

const PACKETS: Packet[] = [
  {
    cmd: 'connect',
    clientId: 'device-1',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
  },
  { cmd: 'pingreq' },
  event(1, 0),
  event(2, 130),
  event(3, 20_000),
  { cmd: 'puback', messageId: 65_535 },
  { cmd: 'disconnect' },
];

function event(messageId: number, bytes: number): Packet {
  const payload = Buffer.alloc(bytes, messageId);
  return { cmd: 'publish', topic: 'a/b', payload, qos: 1, messageId, dup: false, retain: false };
}

function read(reader: PacketReader, chunk: Buffer): string[] {
  return [...reader.packets(chunk)].map(({ cmd, messageId }) => `${cmd} ${messageId ?? 0}`);
}

describe('a packet reader', () => {
  test.each([1, 2, 3, 7, 1_000, 1_000_000])('finds the packets in chunks of %i bytes', (size) => {
    const bytes = Buffer.concat(PACKETS.map((packet) => mqttPacket.generate(packet)));
    const reader = new PacketReader();
    const found: string[] = [];

    for (let start = 0; start < bytes.length; start += size) {
      found.push(...read(reader, bytes.subarray(start, start + size)));
    }

    expect(found).toEqual(PACKETS.map(({ cmd, messageId }) => `${cmd} ${messageId ?? 0}`));
  });

  test('goes on where its user stopped', () => {
    const reader = new PacketReader();
    const bytes = Buffer.concat(PACKETS.map((packet) => mqttPacket.generate(packet)));
    const first = reader.packets(bytes).next();

    expect(first.value).toMatchObject({ cmd: 'connect' });
    expect(read(reader, Buffer.alloc(0))).toHaveLength(PACKETS.length - 1);
  });

  test('refuses a packet by its announced size, before it came', () => {
    const remaining = MAX_PACKET_BYTES;
    const header = [
      0x30,
      (remaining & 0x7f) | 0x80,
      ((remaining >> 7) & 0x7f) | 0x80,
      remaining >> 14,
    ];

    expect(() => read(new PacketReader(), Buffer.from(header))).toThrow(
      `at most ${MAX_PACKET_BYTES} are taken`,
    );
  });

  test('tells a strange protocol level from other breaches', () => {
    const level = Buffer.from('100c00044d515454090200000000', 'hex');
    const name = Buffer.from('100c00044d515458040200000000', 'hex');

    expect(() => read(new PacketReader(), level)).toThrow(ProtocolLevelError);
    expect(() => read(new PacketReader(), name)).toThrow(ProtocolError);
    expect(() => read(new PacketReader(), name)).not.toThrow(ProtocolLevelError);
  });
});
