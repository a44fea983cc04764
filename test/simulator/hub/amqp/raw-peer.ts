import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { until } from '../../../support/until.ts';
import { AMQP_HEADER, begin, open } from './raw-frames.ts';

const HEADER_BYTES = 8;

/** The far end of a socket on which a test writes bytes by hand. */
export class RawPeer {
  readonly #socket: TLSSocket;
  #received = Buffer.alloc(0);

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  get isOpen(): boolean {
    return !this.#socket.readableEnded && !this.#socket.destroyed;
  }

  send(...parts: Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** With connection and session. */
  sendBegun(...parts: Buffer[]): void {
    this.send(AMQP_HEADER, open(), begin(), ...parts);
  }

  /** The descriptors of the frames that the hub has sent. */
  performatives(): number[] {
    const codes: number[] = [];
    let at = 0;
    while (at + HEADER_BYTES <= this.#received.length) {
      if (this.#received.toString('latin1', at, at + 4) === 'AMQP') {
        at += HEADER_BYTES;
        continue;
      }
      const size = this.#received.readUInt32BE(at);
      if (at + size > this.#received.length) break;
      if (size > HEADER_BYTES) codes.push(this.#received.readUInt8(at + HEADER_BYTES + 2));
      at += size;
    }
    return codes;
  }

  /** Whether the hub has sent this. */
  has(text: string | Buffer): boolean {
    return this.#received.includes(text);
  }

  async received(code: number, count = 1): Promise<void> {
    await until(`${count} of the frame 0x${code.toString(16)}`, () => {
      return this.performatives().filter((each) => each === code).length >= count;
    });
  }

  async closed(): Promise<void> {
    if (!this.#socket.destroyed) await once(this.#socket, 'close');
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
