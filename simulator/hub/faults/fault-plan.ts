export type FaultPoint =
  'amqp-put-token' | 'amqp-attach' | 'amqp-send' | 'https-request' | 'mqtt-connect';

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

/** What shall go wrong next: the heads ask at each point, and each fault planned happens as often as it was planned. */
export class FaultPlan {
  readonly #planned = new Map<FaultPoint, { readonly effect: FaultEffect; times: number }[]>();

  add(point: FaultPoint, effect: FaultEffect, times = 1): void {
    const planned = this.#planned.get(point) ?? [];
    this.#planned.set(point, planned);
    planned.push({ effect, times });
  }

  take(point: FaultPoint): FaultEffect | undefined {
    const planned = this.#planned.get(point);
    const next = planned?.[0];
    if (!planned || !next) return undefined;
    next.times--;
    if (next.times <= 0) planned.shift();
    return next.effect;
  }

  /** How many are still to come. */
  remaining(point: FaultPoint): number {
    return (this.#planned.get(point) ?? []).reduce((total, { times }) => total + times, 0);
  }

  clear(): void {
    this.#planned.clear();
  }
}
