import mqttPacket, { type Packet } from 'mqtt-packet';

const FROM_A_SERVER: ReadonlySet<Packet['cmd']> = new Set([
  'connack',
  'publish',
  'puback',
  'suback',
  'unsuback',
  'pingresp',
]);

/** Whole packets; what is left over at the end is a part of its own. */
export function splitPackets(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = packetBytes(bytes, at);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

function packetBytes(bytes: Buffer, start: number): number {
  let remaining = 0;
  for (let place = 0; place < 4; place++) {
    const byte = bytes[start + 1 + place] ?? 0;
    remaining += (byte & 0x7f) * 128 ** place;
    if ((byte & 0x80) === 0) return 2 + place + remaining;
  }
  return bytes.length - start;
}

/** Throws unless all of it is what a hub may send. */
export function checkPackets(bytes: Buffer, isComplete: boolean): void {
  const packets: Packet[] = [];
  const parser = mqttPacket.parser({ protocolVersion: 4 });
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error: unknown) => {
    throw new Error('The hub sent what is no MQTT', { cause: error });
  });
  const left = parser.parse(bytes);
  if (isComplete && left > 0) throw new Error('The hub ended amid a packet');
  const [first] = packets;
  if (first && first.cmd !== 'connack') throw new Error(`The hub began with ${first.cmd}`); // [MQTT-3.2.0-1]
  if (first?.cmd === 'connack' && first.returnCode !== 0 && packets.length > 1)
    throw new Error('The hub went on after it had refused the connection'); // [MQTT-3.2.2-5]
  for (const packet of packets) {
    if (!FROM_A_SERVER.has(packet.cmd)) throw new Error(`The hub sent ${packet.cmd}`);
    if (packet.cmd === 'publish' && (packet.qos === 2 || packet.retain))
      throw new Error('The hub published with QoS 2 or RETAIN');
  }
  if (packets.filter(({ cmd }) => cmd === 'connack').length > 1)
    throw new Error('The hub answered CONNECT twice');
}
