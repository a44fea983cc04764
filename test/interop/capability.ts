import { randomBytes } from 'node:crypto';
import type { SimulatedHub } from '@downlink/simulator';
import type { MovableClock } from '../../simulator/hub/state/movable-clock.ts';

/** Where a capability is tried: the hub on one side, a program with one SDK on the other. */
export interface Stage {
  readonly hub: SimulatedHub;
  /** Rules the validity of tokens. */
  readonly wallClock: MovableClock;
  /** Registered for this trial alone. */
  readonly deviceId: string;
  readonly connectionString: string;
  /** As a failing network does. */
  cutConnections(): void;
  /** The program does this; throws what the SDK throws, or that it has no such thing. */
  tell(verb: string, parameters?: object): Promise<unknown>;
}

/** What an application wants of its SDK, in one place for every SDK and language. */
export interface Capability {
  /** A row of the table. */
  readonly title: string;
  /** Plays the other side, on the hub itself; throws when what the SDK or the hub saw is not what it should be. */
  run(stage: Stage): Promise<void>;
}

export interface PlainMessage {
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly properties: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
}

/** Every octet there is, so that no text encoding goes unseen. */
export const EVERY_OCTET = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

export function uniqueId(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

/** What SDKs add or leave out beside it is theirs to choose. */
export function pick(value: unknown, like: object): unknown {
  const given = (value ?? {}) as Record<string, unknown>;
  return Object.fromEntries(Object.keys(like).map((name) => [name, given[name]]));
}
