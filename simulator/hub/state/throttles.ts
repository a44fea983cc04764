import type { Clock } from './clock.ts';
import { HubError } from './hub-error.ts';
import {
  checkTier,
  isAllowed,
  messagesPerDay,
  meterBytes,
  METHOD_THROTTLE_STEP_BYTES,
  ratePerSecond,
  THROTTLED_OPERATIONS,
  type ServiceTier,
  type ThrottledOperation,
} from './service-tiers.ts';
import { TokenBucket } from './token-bucket.ts';

interface ThrottleState {
  readonly operation: ThrottledOperation;
  readonly perSecond: number;
  /** What would be taken at once, now. */
  readonly available: number;
}

export interface LimitsInForce extends ServiceTier {
  readonly quota: { readonly messagesPerDay: number; readonly used: number; readonly day: string };
  readonly throttles: readonly ThrottleState[];
}

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** The service measures in minutes: what a minute grants may come at once. */
const BURST_SECONDS = 60;

interface Running {
  readonly tier: ServiceTier;
  readonly buckets: ReadonlyMap<ThrottledOperation, TokenBucket>;
  day: number;
  used: number;
}

/**
 * The throttles and the daily quota of a hub of some size, on the hub's clock; none while no tier is set.
 * Coarser than the cloud: what is too much is refused at once, where the service first makes it wait.
 */
export class Throttles {
  readonly #clock: Clock;
  #running: Running | undefined;

  constructor(clock: Clock, tier?: ServiceTier) {
    this.#clock = clock;
    this.set(tier);
  }

  get isOn(): boolean {
    return this.#running !== undefined;
  }

  /** From now on, with full buckets and the whole quota; undefined sets no limits. Throws a RangeError. */
  set(tier: ServiceTier | undefined): void {
    if (tier) checkTier(tier);
    this.#running = tier && this.#start(tier);
  }

  /** Throws `throttled`, `quotaExceeded` and, in the basic tiers, `notAllowedInTier`. */
  admit(operation: ThrottledOperation, amount = 1): void {
    const running = this.#running;
    if (!running) return;
    const { tier, buckets } = running;
    if (!isAllowed(operation, tier)) {
      throw new HubError('notAllowedInTier', `Operation not allowed in tier ${tier.sku}`);
    }
    this.#refuseBeyondQuota(running, operation);
    if (buckets.get(operation)?.take(amount, this.#clock.now()) !== false) return;
    throw new HubError(
      'throttled',
      `${operation} of ${tier.units} ${tier.sku}: more than ${ratePerSecond(operation, tier)} a second over a minute`,
    );
  }

  /** As admit, for those who answer in their own way. */
  allows(operation: ThrottledOperation): boolean {
    try {
      this.admit(operation);
      return true;
    } catch (error) {
      if (error instanceof HubError) return false;
      throw error;
    }
  }

  /** For a method's request. Throws as admit does. */
  admitMethod(payloadBytes: number): void {
    if (!this.#running) return;
    const steps = Math.max(Math.ceil(payloadBytes / METHOD_THROTTLE_STEP_BYTES), 1);
    this.admit('directMethodBytes', steps * METHOD_THROTTLE_STEP_BYTES);
  }

  /** Takes what was done from the quota of the day; each of these sizes is a message of its own. */
  meter(bytes: readonly number[], stepBytes?: number): void {
    const running = this.#running;
    if (!running) return;
    this.#beginDay(running);
    const step = stepBytes ?? meterBytes(running.tier);
    for (const size of bytes) running.used += Math.max(Math.ceil(size / step), 1);
  }

  /** Undefined while there are none. */
  inForce(): LimitsInForce | undefined {
    const running = this.#running;
    if (!running) return undefined;
    this.#beginDay(running);
    const { tier, used, buckets, day } = running;
    const now = this.#clock.now();
    return {
      ...tier,
      quota: {
        messagesPerDay: messagesPerDay(tier),
        used,
        day: new Date(day * DAY_MS).toISOString().slice(0, 10),
      },
      throttles: [...buckets].map(([operation, bucket]) => ({
        operation,
        perSecond: ratePerSecond(operation, tier),
        available: Math.floor(bucket.available(now)),
      })),
    };
  }

  #start(tier: ServiceTier): Running {
    const now = this.#clock.now();
    const buckets = THROTTLED_OPERATIONS.map((operation): [ThrottledOperation, TokenBucket] => {
      const rate = ratePerSecond(operation, tier);
      return [operation, new TokenBucket(rate * BURST_SECONDS, rate / SECOND_MS, now)];
    });
    return { tier, buckets: new Map(buckets), day: Math.floor(now / DAY_MS), used: 0 };
  }

  #refuseBeyondQuota(running: Running, operation: ThrottledOperation): void {
    if (UNMETERED.has(operation)) return;
    this.#beginDay(running);
    const quota = messagesPerDay(running.tier);
    if (running.used < quota) return;
    throw new HubError(
      'quotaExceeded',
      `The ${quota} messages a day of ${running.tier.units} ${running.tier.sku} are used up until midnight (UTC)`,
    );
  }

  #beginDay(running: Running): void {
    const today = Math.floor(this.#clock.now() / DAY_MS);
    if (today === running.day) return;
    running.day = today;
    running.used = 0;
  }
}

/** The service charges for none of these. */
const UNMETERED: ReadonlySet<ThrottledOperation> = new Set([
  'cloudToDeviceReceives',
  'identityOperations',
  'configurationOperations',
  'newConnections',
]);
