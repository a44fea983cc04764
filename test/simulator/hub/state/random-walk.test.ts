import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { HubError } from '../../../../simulator/hub/state/hub-error.ts';
import { type HubSnapshot, HubState } from '../../../../simulator/hub/state/hub-state.ts';
import type { JournalEvent } from '../../../../simulator/hub/state/journal.ts';
import { aMessage, HOUR, SECOND } from './builders.ts';

const DEVICE = 'device-1';
const STEPS = 400;
const OPTIONS = {
  settings: { cloudToDevice: { maxDeliveryCount: 3 }, feedback: { ttlMs: 48 * HOUR } },
};
const ENDS = new Set(['completed', 'rejected', 'expired', 'deliveryCountExceeded', 'purged']);

/** The same numbers in every run. */
function pseudoRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A hub that lives through restarts, and what a bookkeeper beside it has seen. */
class Walk {
  readonly clock = new ManualClock();
  readonly enqueued: string[] = [];
  readonly ended = new Map<string, string>();
  readonly locks = new Map<string, string>();
  readonly reported: string[] = [];
  state = new HubState({ ...OPTIONS, clock: this.clock });

  constructor() {
    this.state.registry.create({ deviceId: DEVICE });
    this.#watch();
  }

  get waiting(): string[] {
    const locked = new Set(this.locks.values());
    return this.enqueued.filter((id) => !this.ended.has(id) && !locked.has(id));
  }

  enqueue(ttlMs: number): void {
    const messageId = `message-${this.enqueued.length + 1}`;
    const isFull = this.enqueued.length - this.ended.size === 50;
    try {
      const expiresAt = this.clock.now() + ttlMs;
      this.state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId, expiresAt }));
      if (isFull) throw new Error('A message too many was taken');
    } catch (error) {
      if (!isFull || !(error instanceof HubError)) throw error;
    }
  }

  receive(): void {
    const [expected] = this.waiting;
    const delivery = this.state.cloudToDevice.receive(DEVICE);
    if (delivery?.message.messageId !== expected)
      throw new Error(`${delivery?.message.messageId} came instead of ${expected}`);
    if (delivery) this.locks.set(delivery.lockToken, expected ?? '');
  }

  settle(how: 'complete' | 'reject' | 'abandon' | 'release', lockToken: string): void {
    this.locks.delete(lockToken);
    this.state.cloudToDevice[how](DEVICE, lockToken);
  }

  restart(): void {
    const snapshot = JSON.parse(JSON.stringify(this.state.snapshot())) as HubSnapshot;
    this.state.stop();
    this.locks.clear();
    this.state = HubState.restore(snapshot, { ...OPTIONS, clock: this.clock });
    this.#watch();
  }

  drainFeedback(): void {
    for (let batch = this.state.feedback.receive(); batch; batch = this.state.feedback.receive()) {
      this.reported.push(...batch.records.map((r) => `${r.originalMessageId} ${r.statusCode}`));
      this.state.feedback.complete(batch.lockToken);
    }
  }

  #watch(): void {
    this.state.journal.onEvent((event) => this.#see(event));
  }

  #see({ type, messageId = '' }: JournalEvent): void {
    if (type === 'enqueued') this.enqueued.push(messageId);
    if (type === 'lockExpired' || ENDS.has(type)) {
      for (const [token, id] of this.locks) if (id === messageId) this.locks.delete(token);
    }
    if (!ENDS.has(type)) return;
    if (this.ended.has(messageId)) throw new Error(`${messageId} ended twice`);
    this.ended.set(messageId, type);
  }
}

describe('The state of the hub', () => {
  test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
    'keeps order, locks and accounts on random walk %i, restarts included',
    (seed) => {
      const random = pseudoRandom(seed);
      const walk = new Walk();
      for (let step = 0; step < STEPS; step++) {
        const [token] = [...walk.locks.keys()].slice(random(Math.max(walk.locks.size, 1)));
        const dice = random(100);
        if (dice < 40) walk.enqueue((1 + random(300)) * SECOND);
        else if (dice < 65) walk.receive();
        else if (dice < 85) {
          const how = (['complete', 'reject', 'abandon', 'release'] as const)[random(4)];
          if (token !== undefined && how) walk.settle(how, token);
        } else if (dice < 97) walk.clock.advance(random(40) * SECOND);
        else if (dice < 98) walk.state.cloudToDevice.purge(DEVICE);
        else if (dice < 99) walk.drainFeedback();
        else walk.restart();

        expect(walk.state.cloudToDevice.count(DEVICE)).toBe(walk.enqueued.length - walk.ended.size);
      }
      walk.clock.advance(HOUR);
      walk.drainFeedback();

      const statusCodes: Record<string, string> = {
        completed: 'Success',
        rejected: 'Rejected',
        expired: 'Expired',
        deliveryCountExceeded: 'DeliveryCountExceeded',
        purged: 'Purged',
      };
      expect(walk.reported).toEqual(
        [...walk.ended].map(([messageId, end]) => `${messageId} ${statusCodes[end]}`),
      );
      expect(walk.ended.size).toBe(walk.enqueued.length);
      expect(walk.ended.size).toBeGreaterThan(50);
    },
  );
});
