import { randomInt } from 'node:crypto';
import { systemClock, type Clock } from '../state/clock.ts';
import { DeviceFaults } from './device-faults.ts';
import { seededRandom } from './seeded-random.ts';

export const FAULT_POINTS = [
  'amqp-put-token',
  'amqp-attach',
  'amqp-send',
  'https-request',
  'mqtt-connect',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

export type FaultEffect =
  | { readonly kind: 'no-answer' }
  | {
      readonly kind: 'error';
      readonly condition?: string;
      readonly httpStatus?: number;
      readonly code?: number;
      readonly description?: string;
    }
  | { readonly kind: 'drop-connection' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The work is done, the answer never sent. */
  | { readonly kind: 'accept-then-no-answer' };

export interface FaultChance {
  /** Above 0, up to 1: how likely the fault happens each time the point is reached. */
  readonly probability: number;
  /** The same seed hits and spares the same operations; chosen at random if absent. */
  readonly seed?: number;
  /** How often at most; for ever if absent. */
  readonly times?: number;
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
}

interface Fault {
  readonly id: number;
  readonly effect: FaultEffect;
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

  /** For the next `times` operations, or by chance; returns an id to remove it by. */
  add(point: FaultPoint, effect: FaultEffect, when: number | FaultChance = 1): number {
    const planned = this.#planned.get(point) ?? [];
    this.#planned.set(point, planned);
    const id = ++this.#lastId;
    if (typeof when === 'number') {
      planned.push({ id, effect, chance: undefined, draw: () => 0, remaining: when });
    } else {
      const { probability, seed = randomInt(HIGHEST_SEED), times = Infinity } = when;
      const chance = { probability, seed };
      planned.push({ id, effect, chance, draw: seededRandom(seed), remaining: times });
    }
    return id;
  }

  /** The first that was planned for this point, among those by chance the first that hits. */
  take(point: FaultPoint): FaultEffect | undefined {
    const planned = this.#planned.get(point) ?? [];
    const hit = planned.find(({ chance, draw }) => !chance || draw() < chance.probability);
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
        planned.map(({ id, effect, remaining, chance }) => ({
          id,
          point,
          effect,
          remaining,
          ...chance,
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
