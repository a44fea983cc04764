import { ProtocolViolation } from './protocol-violation.ts';

/** AMQP 1.0 §3.2 */
const SECTIONS: ReadonlySet<number> = new Set([
  0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78,
]);
const SYMBOLIC_SECTION =
  /^amqp:(header:list|delivery-annotations:map|message-annotations:map|properties:list|application-properties:map|data:binary|amqp-sequence:list|value:\*|footer:map)$/;
const DESCRIBED = 0x00;
const SMALL_ULONG = 0x53;
const ULONG = 0x80;
const SYMBOL_8 = 0xa3;
const SYMBOL_32 = 0xb3;
/** AMQP 1.0 §1.2: the upper half of a constructor says how wide its value is. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [0x4, 0],
  [0x5, 1],
  [0x6, 2],
  [0x7, 4],
  [0x8, 8],
  [0x9, 16],
]);
const WITH_1_BYTE_OF_SIZE: ReadonlySet<number> = new Set([0xa, 0xc, 0xe]);
const WITH_4_BYTES_OF_SIZE: ReadonlySet<number> = new Set([0xb, 0xd, 0xf]);

/** Throws unless the message is made of sections. rhea would print what it does not know, be it a token. */
export function checkSections(message: Buffer): void {
  for (let at = 0; at < message.length;) {
    if (message[at] !== DESCRIBED || !isSection(message, at + 1)) throw decodeError();
    at = valueEnd(message, valueEnd(message, at + 1));
  }
}

function isSection(message: Buffer, at: number): boolean {
  const constructor = message[at];
  const end = valueEnd(message, at);
  if (constructor === SMALL_ULONG) return SECTIONS.has(message[at + 1] ?? 0);
  if (constructor === ULONG)
    return message.readUInt32BE(at + 1) === 0 && SECTIONS.has(message.readUInt32BE(at + 5));
  if (constructor === SYMBOL_8)
    return SYMBOLIC_SECTION.test(message.toString('latin1', at + 2, end));
  if (constructor === SYMBOL_32)
    return SYMBOLIC_SECTION.test(message.toString('latin1', at + 5, end));
  return false;
}

/** Where the value whose constructor is here ends. */
function valueEnd(bytes: Buffer, start: number): number {
  let at = start;
  // A value that is described itself: by its descriptor, then comes the value.
  let values = 1;
  while (values > 0) {
    const constructor = bytes[at];
    if (constructor === undefined) throw decodeError();
    if (constructor === DESCRIBED) {
      at += 1;
      values += 1;
    } else {
      at = plainValueEnd(bytes, at, constructor >> 4);
      values -= 1;
    }
    if (at > bytes.length) throw decodeError();
  }
  return at;
}

function plainValueEnd(bytes: Buffer, at: number, category: number): number {
  const width = WIDTHS.get(category);
  if (width !== undefined) return at + 1 + width;
  if (WITH_1_BYTE_OF_SIZE.has(category)) return at + 2 + (bytes[at + 1] ?? 0);
  if (WITH_4_BYTES_OF_SIZE.has(category) && at + 5 <= bytes.length)
    return at + 5 + bytes.readUInt32BE(at + 1);
  throw decodeError();
}

function decodeError(): ProtocolViolation {
  return new ProtocolViolation('amqp:decode-error', 'A message is not made of sections');
}
