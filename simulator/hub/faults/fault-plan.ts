import { randomInt } from 'node:crypto';
import { systemClock, type Clock } from '../state/clock.ts';
import { DeviceFaults } from './device-faults.ts';
import { isPossible, type FaultEffect, type FaultPoint } from './fault-effect.ts';
import { seededRandom } from './seeded-random.ts';

export interface FaultTiming {
  /** Above 0, up to 1: how likely the fault happens each time the point is reached; each time if absent. */
  readonly probability?: number;
  /** The same seed hits and spares the same operations; chosen at random if absent. */
  readonly seed?: number;
  /** How often at most; once if absent, with a probability for ever. */
  readonly times?: number;
  /** Only what is done by this device, or for it. */
  readonly deviceId?: string;
}

export interface PlannedFault {
  readonly id: number;
  readonly point: FaultPoint;
  readonly effect: FaultEffect;
  /** How often it happens still, at most; Infinity is for ever. */
  readonly remaining: number;
  /** Both absent for a fault that happens each time. */
  readonly probability?: number;
  readonly seed?: number;
  readonly deviceId?: string;
}

interface Fault {
  readonly id: number;
  readonly effect: FaultEffect;
  readonly deviceId: string | undefined;
  readonly chance: { readonly probability: number; readonly seed: number } | undefined;
  readonly draw: () => number;
  remaining: number;
}

const HIGHEST_SEED = 2 ** 31;

/** What shall go wrong next: the heads ask at each point, and each fault planned happens as often as it was planned. */
export class FaultPlan {
  /** Those that devices ask for themselves. */
  readonly requested: DeviceFaults;
  readonly #planned = new Map<FaultPoint, Fault[]>();
  #lastId = 0;

  constructor(clock: Clock = systemClock()) {
    this.requested = new DeviceFaults(clock);
  }

  /** For the next `times` operations, or as the timing says; returns an id to remove it by. Throws a RangeError. */
  add(point: FaultPoint, effect: FaultEffect, when: number | FaultTiming = 1): number {
    if (!isPossible(point, effect))
      throw new RangeError(`There is no '${effect.kind}' at '${point}'`);
    const planned = this.#planned.get(point) ?? [];
    this.#planned.set(point, planned);
    const id = ++this.#lastId;
    const timing = typeof when === 'number' ? { times: when } : when;
    const { probability, seed = randomInt(HIGHEST_SEED), deviceId } = timing;
    const chance = probability === undefined ? undefined : { probability, seed };
    const remaining = timing.times ?? (chance ? Infinity : 1);
    planned.push({ id, effect, deviceId, chance, draw: seededRandom(seed), remaining });
    return id;
  }

  /** The first that was planned for this point and device, among those by chance the first that hits. */
  take(point: FaultPoint, device?: string | (() => string | undefined)): FaultEffect | undefined {
    const planned = this.#planned.get(point);
    if (planned === undefined || planned.length === 0) return undefined;
    const hit = planned.find(
      (fault) =>
        (fault.deviceId === undefined ||
          fault.deviceId === (typeof device === 'function' ? device() : device)) &&
        (!fault.chance || fault.draw() < fault.chance.probability),
    );
    if (!hit) return undefined;
    hit.remaining--;
    if (hit.remaining <= 0) planned.splice(planned.indexOf(hit), 1);
    return hit.effect;
  }

  /** How many are still to come. */
  remaining(point: FaultPoint): number {
    return (this.#planned.get(point) ?? []).reduce((total, { remaining }) => total + remaining, 0);
  }

  list(): PlannedFault[] {
    return [...this.#planned]
      .flatMap(([point, planned]) =>
        planned.map(({ id, effect, remaining, chance, deviceId }) => ({
          id,
          point,
          effect,
          remaining,
          ...chance,
          ...(deviceId !== undefined && { deviceId }),
        })),
      )
      .toSorted((a, b) => a.id - b.id);
  }

  /** False: there is none of this id (any more). */
  remove(id: number): boolean {
    for (const planned of this.#planned.values()) {
      const place = planned.findIndex((fault) => fault.id === id);
      if (place >= 0) return planned.splice(place, 1).length > 0;
    }
    return false;
  }

  clear(): void {
    this.#planned.clear();
    this.requested.clear();
  }
}
