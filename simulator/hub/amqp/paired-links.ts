import type { Peer } from './link-route.ts';
import type { RheaLink } from './rhea-internals.ts';

const CHANNEL_PROPERTY = 'com.microsoft:channel-correlation-id';

interface Pair<T> {
  readonly shared: T;
  /** That hold it. */
  links: number;
}

/** Lets the two links of a channel share something: they are those of a device that carry the same property. */
export class PairedLinks<T> {
  readonly #newShared: () => T;
  readonly #pairs = new WeakMap<Peer, Map<string, Pair<T>>>();

  constructor(newShared: () => T) {
    this.#newShared = newShared;
  }

  enter(peer: Peer, deviceId: string, link: RheaLink): { shared: T; leave: () => void } {
    const pairs = this.#pairs.get(peer) ?? new Map<string, Pair<T>>();
    this.#pairs.set(peer, pairs);
    const key = JSON.stringify([deviceId, correlationOf(link)]);
    const pair = pairs.get(key) ?? { shared: this.#newShared(), links: 0 };
    pairs.set(key, pair);
    pair.links++;
    return {
      shared: pair.shared,
      leave: () => {
        pair.links--;
        if (pair.links === 0) pairs.delete(key);
      },
    };
  }
}

/** Empty without one: such links are a pair as well. */
function correlationOf(link: RheaLink): string {
  const properties: unknown = link.properties;
  if (typeof properties !== 'object' || properties === null) return '';
  const value: unknown = Object.entries(properties).find(
    ([name]) => name === CHANNEL_PROPERTY,
  )?.[1];
  return typeof value === 'string' ? value : '';
}
