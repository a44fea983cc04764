import { MAX_FRAME_BYTES } from './limits.ts';

export class FramingError extends Error {
  override readonly name = 'FramingError';
}

/** 'AMQP', with which a protocol header begins: no frame may be that long. */
const HEADER_MARK = 0x414d5150;
const HEADER_BYTES = 8;
const PROTOCOL_ID_AT = 4;
const SASL_PROTOCOL_ID = 3;
const SIZE_BYTES = 4;
/** AMQP 1.0 §2.3.1 */
const MIN_FRAME_BYTES = 8;

/** Cuts a byte stream at the ends of frames, so that nothing incomplete or oversized reaches the decoder. */
export class FrameSplitter {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = 0;
  #awaitsHeader: 'yes' | 'maybe' | 'no' = 'yes';

  /** Protocol headers come alone, whole frames in runs. Throws FramingError. */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#withHeld(chunk);
    if (!bytes) return [];
    const parts: Buffer[] = [];
    let start = 0;
    let at = 0;
    let needed = SIZE_BYTES;
    while (bytes.length - at >= SIZE_BYTES) {
      const word = bytes.readUInt32BE(at);
      const isHeader = word === HEADER_MARK;
      const size = isHeader ? HEADER_BYTES : this.#checkedSize(word);
      if (at + size > bytes.length) {
        needed = size;
        break;
      }
      if (isHeader) {
        this.#checkHeader(bytes.readUInt8(at + PROTOCOL_ID_AT));
        if (at > start) parts.push(bytes.subarray(start, at));
        parts.push(bytes.subarray(at, at + size));
        start = at + size;
      }
      at += size;
    }
    if (at > start) parts.push(bytes.subarray(start, at));
    this.#hold(bytes.subarray(at), needed);
    return parts;
  }

  /** AMQP 1.0 §2.2: one header, or one for SASL and one for what comes after. */
  #checkHeader(protocolId: number): void {
    if (this.#awaitsHeader === 'no') throw new FramingError('A protocol header out of place');
    const isSasl = this.#awaitsHeader === 'yes' && protocolId === SASL_PROTOCOL_ID;
    this.#awaitsHeader = isSasl ? 'maybe' : 'no';
  }

  #withHeld(chunk: Buffer): Buffer | undefined {
    if (this.#heldBytes === 0) return chunk;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#neededBytes) return undefined;
    return Buffer.concat(this.#held, this.#heldBytes);
  }

  #hold(rest: Buffer, neededBytes: number): void {
    this.#held = rest.length > 0 ? [rest] : [];
    this.#heldBytes = rest.length;
    this.#neededBytes = neededBytes;
  }

  #checkedSize(size: number): number {
    if (this.#awaitsHeader === 'yes')
      throw new FramingError('The connection does not begin with AMQP');
    if (size >= MIN_FRAME_BYTES && size <= MAX_FRAME_BYTES) return size;
    throw new FramingError(
      `A frame says that it has ${size} bytes; ${MIN_FRAME_BYTES} to ${MAX_FRAME_BYTES} are allowed`,
    );
  }
}

export function isProtocolHeader(part: Buffer): boolean {
  return part.length === HEADER_BYTES && part.readUInt32BE(0) === HEADER_MARK;
}
