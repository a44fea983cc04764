import { HubError } from '../state/hub-error.ts';
import type { DeviceRegistry } from '../state/device-registry.ts';
import { toAmqpError, type AmqpError } from './amqp-error.ts';
import type { LinkContext } from './link-route.ts';

// https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes#409002-linkcreationconflict
const TAKEN_OVER: AmqpError = {
  condition: 'amqp:link:stolen',
  description: 'ErrorCode:LinkCreationConflict;The device has opened a newer connection',
};

/** Which devices are connected over AMQP, and by which links. */
export class DeviceLinks {
  readonly #registry: DeviceRegistry;
  readonly #links = new Map<string, Set<LinkContext>>();
  readonly #stopListening: () => void;

  constructor(registry: DeviceRegistry) {
    this.#registry = registry;
    this.#stopListening = registry.onRevoked((deviceId, reason) =>
      this.#detach(deviceId, revoked(deviceId, `was ${reason}`), () => true),
    );
  }

  /** The device is connected until the function that this returns is called for its last link. */
  add(deviceId: string, link: LinkContext): () => void {
    this.#detach(deviceId, TAKEN_OVER, ({ peer }) => peer !== link.peer);
    const links = this.#links.get(deviceId) ?? new Set();
    this.#links.set(deviceId, links.add(link));
    this.#registry.setConnected(deviceId, true);
    this.#registry.touch(deviceId);
    // A planned delay may lie between its admission and now.
    if (this.#registry.find(deviceId)?.status !== 'enabled')
      link.peer.soon(() => link.detach(revoked(deviceId, 'is not there, or is disabled')));
    return () => {
      if (!links.delete(link) || links.size > 0) return;
      this.#links.delete(deviceId);
      this.#registry.setConnected(deviceId, false);
    };
  }

  stop(): void {
    this.#stopListening();
  }

  #detach(deviceId: string, error: AmqpError, concerns: (link: LinkContext) => boolean): void {
    for (const link of this.#links.get(deviceId) ?? []) if (concerns(link)) link.detach(error);
  }
}

function revoked(deviceId: string, what: string): AmqpError {
  return toAmqpError(new HubError('unauthorized', `The device '${deviceId}' ${what}`));
}
