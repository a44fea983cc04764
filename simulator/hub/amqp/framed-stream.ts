import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { FrameSplitter, FramingError, isProtocolHeader } from './frame-splitter.ts';
import { CLOSE_GRACE_MS, MAX_UNREAD_BYTES } from './limits.ts';

export interface FramedStreamEvents {
  /** Once, when nothing more will come: the other side ended, or the stream is gone. */
  readonly onEnd: (error?: Error) => void;
  readonly onFramingError: (error: FramingError) => void;
  /** All that was written has left. */
  readonly onDrain?: () => void;
}

/**
 * What rhea takes for its socket. rhea would wait for frames of any length, write every frame by
 * itself, and not notice that a socket was destroyed.
 */
export class FramedStream extends EventEmitter {
  readonly #stream: Duplex;
  readonly #events: FramedStreamEvents;
  readonly #splitter = new FrameSplitter();
  #parts: Buffer[] = [];
  #isHeaderSeen = false;
  #isDeferred = false;
  #isCorked = false;
  /** Open: both ways; ending: our last words are on their way; over: nothing more comes in. */
  #phase: 'open' | 'ending' | 'over' = 'open';
  #isHeldOpen = false;
  #isEnded = false;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(stream: Duplex, events: FramedStreamEvents) {
    super();
    this.#stream = stream;
    this.#events = events;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('error', (error) => this.#over(error));
    stream.on('drain', () => this.#events.onDrain?.());
    stream.on('end', () => {
      this.#over();
      this.#isHeldOpen = false;
      this.end();
    });
    stream.on('close', () => {
      this.#over();
      clearTimeout(this.#graceTimer);
    });
  }

  write(bytes: Buffer): void {
    if (!this.#stream.writable) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
      // Every frame of one turn in one TLS record.
      process.nextTick(() => {
        this.#isCorked = false;
        this.#stream.uncork();
      });
    }
    this.#stream.write(bytes);
    if (this.#stream.writableLength > MAX_UNREAD_BYTES) this.destroy();
  }

  unreadBytes(): number {
    return this.#stream.writableLength;
  }

  /** rhea calls it when it has queued its last frame, or met an error. */
  end(): void {
    if (this.#phase === 'open') this.#phase = 'ending';
    if (this.#isHeldOpen || this.#isEnded) return;
    this.#isEnded = true;
    setImmediate(() => this.#stream.end());
    this.destroyWithin(CLOSE_GRACE_MS);
  }

  /** Unless it ends before. */
  destroyWithin(ms: number): void {
    if (!this.#isHeldOpen) this.#graceTimer ??= setTimeout(() => this.destroy(), ms).unref();
  }

  /** From now on only the other side, or `destroy`, ends it. */
  holdOpen(): void {
    this.#isHeldOpen = true;
  }

  destroy(): void {
    this.#stream.destroy();
  }

  get_id_string(): string {
    return 'client';
  }

  #read(chunk: Buffer): void {
    if (this.#phase !== 'open') return;
    try {
      this.#parts.push(...this.#splitter.push(chunk));
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#phase = 'ending';
      this.#events.onFramingError(error);
      return;
    }
    if (!this.#isDeferred) this.#deliver();
  }

  #deliver(): void {
    for (let part = this.#parts.shift(); part; part = this.#parts.shift()) {
      if (this.#phase !== 'open') return;
      if (isProtocolHeader(part)) {
        if (this.#isHeaderSeen) {
          this.#deferHeader(part);
          return;
        }
        this.#isHeaderSeen = true;
      }
      this.emit('data', part);
    }
  }

  /** Some clients send the header of the next layer with their SASL frame; rhea needs a moment to finish with SASL. */
  #deferHeader(header: Buffer): void {
    this.#isDeferred = true;
    this.#stream.pause();
    setImmediate(() => {
      this.#isDeferred = false;
      this.#stream.resume();
      if (this.#phase !== 'open') return;
      this.emit('data', header);
      this.#deliver();
    });
  }

  #over(error?: Error): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#events.onEnd(error);
    this.emit('end', error);
  }
}
