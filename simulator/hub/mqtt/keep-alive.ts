import type { Clock } from '../state/clock.ts';
import { MAX_SILENCE_MS } from './limits.ts';

/** Calls `onSilence` once when no packet came for one and a half times the keep-alive. [MQTT-3.1.2-24] */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  readonly #silenceMs: number;
  #lastPacketAt: number;
  #cancel: () => void;

  constructor(clock: Clock, keepAliveSeconds: number, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
    // The service also ends connections that asked for no keep-alive.
    this.#silenceMs =
      keepAliveSeconds === 0 ? MAX_SILENCE_MS : Math.min(keepAliveSeconds * 1_500, MAX_SILENCE_MS);
    this.#lastPacketAt = clock.now();
    this.#cancel = this.#schedule();
  }

  packetCame(): void {
    this.#lastPacketAt = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  #schedule(): () => void {
    return this.#clock.schedule(this.#lastPacketAt + this.#silenceMs, () => {
      if (this.#clock.now() >= this.#lastPacketAt + this.#silenceMs) {
        this.#onSilence();
      } else {
        this.#cancel = this.#schedule();
      }
    });
  }
}
