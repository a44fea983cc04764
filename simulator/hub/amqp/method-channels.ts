import { randomUUID } from 'node:crypto';
import { MAX_OPEN_METHOD_REQUESTS } from './limits.ts';
import type { Peer } from './link-route.ts';
import type { RheaLink } from './rhea-internals.ts';

const CHANNEL_PROPERTY = 'com.microsoft:channel-correlation-id';

/** What the two links of a device's methods share: which requests wait for an answer. */
export class MethodChannel {
  readonly #requestIds = new Map<string, string>();
  /** That hold it. */
  links = 0;

  /** Returns the correlation id: some SDKs take no other than a uuid. */
  opened(requestId: string): string {
    const [oldest] = this.#requestIds.keys();
    if (oldest !== undefined && this.#requestIds.size >= MAX_OPEN_METHOD_REQUESTS)
      this.#requestIds.delete(oldest);
    const correlationId = randomUUID();
    this.#requestIds.set(correlationId, requestId);
    return correlationId;
  }

  answered(correlationId: string): string | undefined {
    const requestId = this.#requestIds.get(correlationId);
    this.#requestIds.delete(correlationId);
    return requestId;
  }
}

/** Finds the channel of a link by the property that both links of a device carry. */
export class MethodChannels {
  readonly #channels = new WeakMap<Peer, Map<string, MethodChannel>>();

  enter(
    peer: Peer,
    deviceId: string,
    link: RheaLink,
  ): { channel: MethodChannel; leave: () => void } {
    const channels = this.#channels.get(peer) ?? new Map<string, MethodChannel>();
    this.#channels.set(peer, channels);
    const key = JSON.stringify([deviceId, correlationOf(link)]);
    const channel = channels.get(key) ?? new MethodChannel();
    channels.set(key, channel);
    channel.links++;
    return {
      channel,
      leave: () => {
        channel.links--;
        if (channel.links === 0) channels.delete(key);
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
