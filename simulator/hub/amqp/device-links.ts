import type { DeviceRegistry } from '../state/device-registry.ts';
import { HubError } from '../state/hub-error.ts';
import { nameInWords } from '../state/identity-key.ts';
import type { Dismissal, Presence } from '../state/presence.ts';
import { toAmqpError, type AmqpError } from './amqp-error.ts';
import type { LinkContext, Peer } from './link-route.ts';

// https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes#409002-linkcreationconflict
const REPLACED: AmqpError = {
  condition: 'amqp:link:stolen',
  description: 'ErrorCode:LinkCreationConflict;The device has opened a newer connection',
};

interface DeviceConnection {
  readonly links: Set<LinkContext>;
  readonly leave: () => void;
}

/** Which devices and modules are connected over AMQP, and by which links: a connection may be that of many. */
export class DeviceLinks {
  readonly #registry: DeviceRegistry;
  readonly #presence: Presence;
  readonly #connections = new WeakMap<Peer, Map<string, DeviceConnection>>();

  constructor({ registry, presence }: { registry: DeviceRegistry; presence: Presence }) {
    this.#registry = registry;
    this.#presence = presence;
  }

  /** The device or module is connected until the function that this returns is called for its last link. */
  add(key: string, link: LinkContext): () => void {
    const ofPeer = this.#connections.get(link.peer) ?? new Map<string, DeviceConnection>();
    this.#connections.set(link.peer, ofPeer);
    const connection = ofPeer.get(key) ?? this.#enter(key);
    ofPeer.set(key, connection);
    connection.links.add(link);
    this.#registry.touch(key);
    // A planned delay may lie between its admission and now.
    if (this.#registry.find(key)?.status !== 'enabled')
      link.peer.soon(() => link.detach(unauthorized(key, 'is not there, or is disabled')));
    return () => {
      if (!connection.links.delete(link) || connection.links.size > 0) return;
      ofPeer.delete(key);
      connection.leave();
    };
  }

  #enter(key: string): DeviceConnection {
    const links = new Set<LinkContext>();
    const leave = this.#presence.enter(key, (reason) => {
      for (const link of links) link.detach(errorOf(key, reason));
    });
    return { links, leave };
  }
}

function errorOf(key: string, reason: Dismissal): AmqpError {
  return reason === 'replaced' ? REPLACED : unauthorized(key, `was ${reason}`);
}

function unauthorized(key: string, what: string): AmqpError {
  return toAmqpError(new HubError('unauthorized', `The ${nameInWords(key)} ${what}`));
}
