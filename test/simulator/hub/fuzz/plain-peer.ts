import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** Speaks to a port of the hub in bytes, and reads all that comes. */
export class PlainPeer {
  readonly #socket: net.Socket;
  readonly #chunks: Buffer[] = [];
  #receivedBytes = 0;
  #wake: (() => void) | undefined;
  #hasHubEnded = false;

  static async connect(port: number): Promise<PlainPeer> {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new PlainPeer(socket);
  }

  static async connectTls(port: number, secureContext: tls.SecureContext): Promise<PlainPeer> {
    const socket = tls.connect({
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      secureContext,
      ALPNProtocols: ['http/1.1'],
    });
    await once(socket, 'secureConnect');
    return new PlainPeer(socket);
  }

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#receivedBytes += chunk.length;
      this.#wake?.();
    });
    // Bytes that were under way when the hub closed its side.
    socket.on('error', () => {});
    socket.on('end', () => {
      this.#hasHubEnded = true;
      this.#wake?.();
    });
    socket.on('close', () => this.#wake?.());
  }

  /** In order, and all of it unless the connection failed. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The hub closed the connection, and in good order. */
  get hasHubEnded(): boolean {
    return this.#hasHubEnded;
  }

  get isOver(): boolean {
    return this.#hasHubEnded || this.#socket.destroyed;
  }

  send(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Until it holds, the hub has closed, or the time is up. */
  async wait(holds: () => boolean, atMostMs: number): Promise<void> {
    const deadline = performance.now() + atMostMs;
    const timer = setTimeout(() => this.#wake?.(), atMostMs + 1);
    while (!holds() && !this.isOver && performance.now() < deadline)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    clearTimeout(timer);
  }

  /** Half of the clients leave in good order, half do not. */
  leave(inGoodOrder: boolean): void {
    if (inGoodOrder) this.#socket.end();
    // libuv cannot reset a socket that is shutting down already, and would never let go of it.
    else if (this.isOver || this.#socket instanceof tls.TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    // Whoever leaves in good order reads on until the hub has left as well.
    this.#socket.resume();
  }

  /** Reads nothing more, so that the hub's words pile up on its way. */
  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
