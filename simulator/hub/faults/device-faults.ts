import type { Clock } from '../state/clock.ts';
import { HubError, type HubErrorKind } from '../state/hub-error.ts';
import type { ConnectionFault, RequestedFault } from './requested-fault.ts';

/** Our own: a device that asks for more at once is not heard, so that none of them can fill the hub's memory. */
const MAX_PENDING_PER_DEVICE = 16;

interface Affliction {
  connectionsRefusedUntil?: number;
  events?: { readonly error: HubErrorKind; readonly reason: string; readonly until: number };
}

/** The faults that devices have asked for, in all heads: a device comes back another way, too. */
export class DeviceFaults {
  readonly #clock: Clock;
  readonly #afflicted = new Map<string, Affliction>();
  /** By device, what would stop those whose delay is not over. */
  readonly #pending = new Map<string, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** After its delay the fault begins; `strike` lets the device's connection feel it. */
  begin(deviceId: string, fault: RequestedFault, strike: (fault: ConnectionFault) => void): void {
    const { effect, delayMs, durationMs, reason } = fault;
    const start = (): void => {
      const affliction = this.#afflicted.get(deviceId) ?? {};
      const until = this.#clock.now() + durationMs;
      if (durationMs > 0) this.#afflicted.set(deviceId, affliction);
      if (effect.kind === 'refuseEvents') {
        affliction.events = { error: effect.error, reason, until };
        return;
      }
      if (effect.kind === 'drop' || effect.kind === 'hangUp')
        affliction.connectionsRefusedUntil = until;
      strike(effect);
    };
    if (effect.kind === 'refuseEvents' && delayMs === 0) start();
    // A moment at least: what asked for the fault is acknowledged first.
    else this.#startAfter(deviceId, delayMs, start);
  }

  refusesConnections(deviceId: string): boolean {
    const until = this.#of(deviceId)?.connectionsRefusedUntil;
    return until !== undefined && this.#clock.now() < until;
  }

  /** Throws what the device is to hear of what it sends. */
  checkEvents(deviceId: string): void {
    const events = this.#of(deviceId)?.events;
    if (events && this.#clock.now() < events.until)
      throw new HubError(events.error, `On the device's request: ${events.reason.trim()}`);
  }

  /** Also those that have not begun. */
  clear(): void {
    this.#afflicted.clear();
    for (const cancels of this.#pending.values()) for (const cancel of cancels) cancel();
    this.#pending.clear();
  }

  #startAfter(deviceId: string, delayMs: number, start: () => void): void {
    const cancels = this.#pending.get(deviceId) ?? new Set();
    if (cancels.size >= MAX_PENDING_PER_DEVICE) return;
    const cancel = this.#clock.schedule(this.#clock.now() + delayMs, () => {
      cancels.delete(cancel);
      if (cancels.size === 0) this.#pending.delete(deviceId);
      start();
    });
    this.#pending.set(deviceId, cancels.add(cancel));
  }

  #of(deviceId: string): Affliction | undefined {
    if (this.#afflicted.size === 0) return undefined;
    const affliction = this.#afflicted.get(deviceId);
    if (!affliction) return undefined;
    const end = Math.max(affliction.connectionsRefusedUntil ?? 0, affliction.events?.until ?? 0);
    if (this.#clock.now() < end) return affliction;
    this.#afflicted.delete(deviceId);
    return undefined;
  }
}
