import type { Ack } from '../../functions/messages/message.ts';
import { seededRandom } from '../../simulator/hub/faults/seeded-random.ts';

/** What the device does with a message, each time it gets it. */
type Settlement =
  | { readonly kind: 'complete' }
  | { readonly kind: 'reject' }
  /** Gives it back so often, then completes it. */
  | { readonly kind: 'abandon'; readonly times: number }
  /** Lets the lock of the first delivery run out, then completes. */
  | { readonly kind: 'forget-once' };

/** What expires before some devices come for it. */
export const SHORT_TTL_SECONDS = 9;

/** How the device answers a method. */
type MethodAnswer = 'ok' | 'fails' | 'silent';

/** One command of the run: the same seed and number give the same one. */
export interface Command {
  readonly number: number;
  readonly deviceId: string;
  /** `message`: sent while the caller waits; `queued`: with `dispatch=queued`. */
  readonly kind: 'message' | 'queued' | 'method';
  /** Of a message; the idempotency key of a method. */
  readonly messageId: string;
  readonly ack: Ack;
  readonly ttlSeconds: number;
  readonly settlement: Settlement;
  readonly methodAnswer: MethodAnswer;
  /** Running the method twice does no harm. */
  readonly idempotent: boolean;
  /** The caller of a method does not wait for the device. */
  readonly respondAsync: boolean;
  /** The caller sends the same request twice at the same time. */
  readonly twiceAtOnce: boolean;
  /** The caller repeats when told that the outcome is not known, once the hand-over is over. */
  readonly repeatsAfterDoubt: boolean;
}

/** Only AMQP lets a device reject and abandon; MQTT acknowledges. */
const AMQP_DEVICES = Array.from({ length: 10 }, (_, index) => `amqp-${index}`);
const MQTT_DEVICES = Array.from({ length: 30 }, (_, index) => `mqtt-${index}`);
export const DEVICE_IDS: readonly string[] = [...AMQP_DEVICES, ...MQTT_DEVICES];

export function speaksAmqp(deviceId: string): boolean {
  return deviceId.startsWith('amqp-');
}

export function commandOf(seed: number, number: number): Command {
  const random = seededRandom(seed * 1_000_003 + number);
  // The first numbers of neighbouring seeds resemble one another.
  random();
  const pick = <T>(weighted: readonly (readonly [weight: number, value: T])[]): T => {
    let left = random() * weighted.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of weighted) {
      left -= weight;
      if (left < 0) return value;
    }
    throw new Error('nothing to pick from');
  };
  const deviceId = DEVICE_IDS[Math.floor(random() * DEVICE_IDS.length)] ?? '';
  return {
    number,
    deviceId,
    kind: pick<Command['kind']>([
      [65, 'message'],
      [25, 'queued'],
      [10, 'method'],
    ]),
    messageId: `command-${number}`,
    ack: pick<Ack>([
      [85, 'full'],
      [6, 'positive'],
      [4, 'negative'],
      [5, 'none'],
    ]),
    ttlSeconds: pick([
      [96, 3600],
      [4, 2 + Math.floor(random() * (SHORT_TTL_SECONDS - 1))],
    ]),
    settlement: speaksAmqp(deviceId)
      ? pick<Settlement>([
          [70, { kind: 'complete' }],
          [15, { kind: 'reject' }],
          [12, { kind: 'abandon', times: 1 + Math.floor(random() * 3) }],
          [2, { kind: 'abandon', times: Infinity }],
          [1, { kind: 'forget-once' }],
        ])
      : { kind: 'complete' },
    methodAnswer: pick<MethodAnswer>([
      [90, 'ok'],
      [8, 'fails'],
      [2, 'silent'],
    ]),
    idempotent: random() < 0.3,
    respondAsync: random() < 0.5,
    twiceAtOnce: random() < 0.05,
    repeatsAfterDoubt: random() < 0.5,
  };
}

/** The number in a message id of ours. */
export function commandNumber(messageId: string): number | undefined {
  const digits = /^command-(\d+)$/.exec(messageId)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
