import type { Random } from './random.ts';

const BINARY = 2;
const CLOSE = 8;
const OPCODES = [0, 1, 2, 3, 7, 8, 9, 10, 11, 15];

/** RFC 6455 §5.2; `length` and `masked` may lie. */
function frame(
  payload: Buffer,
  { opcode = BINARY, fin = true, rsv = 0, masked = true, length = payload.length } = {},
): Buffer {
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const mask = Buffer.from([1, 2, 3, 4]);
  const head = length < 126 ? Buffer.from([first, length]) : Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = first;
  if (length >= 65_536) {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  } else if (length >= 126) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  head[1] = (head[1] ?? 0) | 0x80;
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

/** More than the hub takes in one message. */
const GIANT = frame(Buffer.alloc(5 * 1024 * 1024));

/** Frames that are allowed, that are not, and what is none. */
export function newFrames(random: Random, payloads: readonly Buffer[]): Buffer[] {
  return Array.from({ length: 1 + random.below(8) }, () => {
    const payload = random.pick(payloads);
    return random.pick([
      () => frame(payload),
      () => frame(random.flipped(payload)),
      () => frame(payload, { fin: random.chance(0.5), opcode: random.pick([0, BINARY]) }),
      () => frame(payload, { opcode: random.pick(OPCODES), fin: random.chance(0.8) }),
      () => frame(payload, { rsv: 1 + random.below(7) }),
      () => frame(payload, { masked: false }),
      () => frame(payload, { length: random.pick([125, 126, 65_535, 65_536, 2 ** 31, 2 ** 52]) }),
      () => frame(random.bytes(random.below(140)), { opcode: CLOSE }),
      () => frame(Buffer.from([0x03, random.below(256)]), { opcode: CLOSE }),
      () => GIANT,
      () => random.flipped(frame(payload)),
      () => random.bytes(random.below(100)),
    ])();
  });
}

/** Throws unless all of it is what a server may send. */
export function checkFrames(bytes: Buffer): void {
  for (let at = 0; at + 2 <= bytes.length;) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0 || ![0, BINARY, CLOSE, 9, 10].includes(opcode))
      throw new Error(`The hub sent a frame that begins with ${first}`);
    if ((second & 0x80) !== 0) throw new Error('The hub sent a masked frame');
    const extended = second === 126 ? 2 : second === 127 ? 8 : 0;
    if (at + 2 + extended > bytes.length) return;
    const length =
      extended === 0
        ? second
        : extended === 2
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    at += 2 + extended + length;
    if (opcode === CLOSE && at < bytes.length) throw new Error('The hub went on after its Close');
  }
}
