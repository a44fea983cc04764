import mqttPacket from 'mqtt-packet';
import type { Packet, PacketCmd } from 'mqtt-packet';

import { MAX_PACKET_BYTES } from './limits.ts';

/** The peer broke the rules of MQTT or of IoT Hub; its connection must be closed. */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError';
}

/** The one breach that is answered first. [MQTT-3.1.2-2] */
export class ProtocolLevelError extends ProtocolError {
  override readonly name = 'ProtocolLevelError';
}

const SHORTEST_PACKET_BYTES = 2;
const LONGEST_HEADER_BYTES = 5;

/** Cuts the byte stream into packets, so that the parser never sees more or less than one. */
export class PacketReader {
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = SHORTEST_PACKET_BYTES;

  /** Throws ProtocolError at the first packet that is not one. */
  *packets(chunk: Buffer): Generator<Packet, void, void> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#needed) {
      const [first = chunk] = this.#chunks;
      const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
      const size = packetSize(bytes);
      if (size === undefined || size > bytes.length) {
        this.#chunks = [bytes];
        this.#needed = size ?? bytes.length + 1;
        return;
      }
      // Nothing kept of nothing: an empty view would hold on to all the bytes below it.
      this.#chunks = size < bytes.length ? [bytes.subarray(size)] : [];
      this.#length = bytes.length - size;
      this.#needed = SHORTEST_PACKET_BYTES;
      yield parse(bytes.subarray(0, size));
    }
  }
}

/** One for all connections: it never holds more than the packet that it is given, and is not light. */
let parser: ReturnType<typeof mqttPacket.parser> | undefined;
let parsed: Packet | undefined;
let failure: Error | undefined;

function newParser(): ReturnType<typeof mqttPacket.parser> {
  const created = mqttPacket.parser({ protocolVersion: 4 });
  created.on('packet', (packet) => {
    parsed = packet;
  });
  created.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return created;
}

function parse(bytes: Buffer): Packet {
  parsed = undefined;
  failure = undefined;
  parser ??= newParser();
  try {
    parser.parse(bytes);
  } catch (error) {
    parser = undefined;
    throw new ProtocolError('Malformed packet', { cause: error });
  }
  if (failure === undefined && parsed !== undefined) return checked(parsed);
  // Of what it could not parse, something may be left in it.
  parser = undefined;
  throw failure === undefined ? new ProtocolError('Malformed packet') : protocolError(failure);
}

/** Of the whole packet, header included; undefined while the header is incomplete. §2.2.3 */
function packetSize(bytes: Buffer): number | undefined {
  let remainingLength = 0;
  for (let index = 1; index < LONGEST_HEADER_BYTES; index++) {
    const byte = bytes[index];
    if (byte === undefined) {
      return undefined;
    }
    remainingLength += (byte & 0x7f) * 128 ** (index - 1);
    if ((byte & 0x80) === 0) {
      const size = 1 + index + remainingLength;
      if (size > MAX_PACKET_BYTES) {
        throw new ProtocolError(`Packet of ${size} bytes; at most ${MAX_PACKET_BYTES} are taken`);
      }
      return size;
    }
  }
  throw new ProtocolError('Malformed remaining length');
}

function protocolError(error: Error): ProtocolError {
  return error.message === 'Invalid protocol version'
    ? new ProtocolLevelError(error.message, { cause: error })
    : new ProtocolError(error.message, { cause: error });
}

/** What the parser lets pass. */
function checked(packet: Packet): Packet {
  const { cmd } = packet;
  if (cmd === 'publish' && packet.dup && packet.qos === 0) {
    throw new ProtocolError('publish with DUP and QoS 0'); // [MQTT-3.3.1-2]
  }
  if (cmd === 'publish' ? packet.qos > 0 : WITH_IDENTIFIER.has(cmd)) {
    requireIdentifier(packet);
  }
  if (
    (cmd === 'subscribe' && packet.subscriptions.length === 0) ||
    (cmd === 'unsubscribe' && packet.unsubscriptions.length === 0)
  ) {
    throw new ProtocolError(`${cmd} without a topic filter`); // [MQTT-3.8.3-3] [MQTT-3.10.3-2]
  }
  const length = FIXED_LENGTHS[cmd];
  if (length !== undefined && packet.length !== length) {
    throw new ProtocolError(`${cmd} of a wrong length`);
  }
  return packet;
}

const WITH_IDENTIFIER: ReadonlySet<PacketCmd> = new Set(['subscribe', 'unsubscribe', 'puback']);
const FIXED_LENGTHS: Partial<Record<PacketCmd, number>> = { puback: 2, pingreq: 0, disconnect: 0 };

/** [MQTT-2.3.1-1] */
function requireIdentifier({ cmd, messageId }: Packet): void {
  if (messageId === undefined || messageId < 1) {
    throw new ProtocolError(`${cmd} without a packet identifier`);
  }
}
