import type { DeviceRegistry, Revocation } from './device-registry.ts';

/** Why a connection of a device or module must end. */
export type Dismissal = Revocation | 'replaced';

interface Connection {
  readonly dismiss: (reason: Dismissal) => void;
}

/** Which devices and modules are connected: each by one connection at most, over whatever protocol. */
export class Presence {
  readonly #registry: DeviceRegistry;
  readonly #connections = new Map<string, Connection>();

  constructor(registry: DeviceRegistry) {
    this.#registry = registry;
    registry.onRevoked((key, reason) => this.#connections.get(key)?.dismiss(reason));
  }

  /**
   * The newest connection counts: one that the device or module had before is dismissed.
   * Returns what is to be called once the connection has ended, for whatever reason.
   */
  enter(key: string, dismiss: (reason: Dismissal) => void): () => void {
    this.#connections.get(key)?.dismiss('replaced');
    const connection = { dismiss };
    this.#connections.set(key, connection);
    this.#registry.setConnected(key, true);
    this.#registry.touch(key);
    return () => {
      if (this.#connections.get(key) !== connection) return;
      this.#connections.delete(key);
      this.#registry.setConnected(key, false);
    };
  }
}
