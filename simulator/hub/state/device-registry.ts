import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import {
  checkDeviceId,
  checkDeviceKey,
  type DeviceIdentity,
  type DeviceIdentityInput,
} from './device-identity.ts';
import { HubError } from './hub-error.ts';
import { ifMatchHolds } from './if-match.ts';
import { OrderedIds } from './ordered-ids.ts';
import { newSharedAccessKey } from './shared-access-policies.ts';

export type Revocation = 'deleted' | 'disabled';
export type RegistrySnapshot = readonly { ordinal: number; identity: DeviceIdentity }[];

export class DeviceRegistry {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #devices = new Map<string, DeviceIdentity>();
  readonly #order = new OrderedIds();
  readonly #revocationListeners = new Set<(deviceId: string, reason: Revocation) => void>();
  readonly #deletionListeners = new Set<(identity: DeviceIdentity) => void>();
  #lastGeneration = 0;

  constructor(clock: Clock, onChange: () => void = () => {}) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#order.size;
  }

  create(input: DeviceIdentityInput): DeviceIdentity {
    checkInput(input);
    if (this.#devices.has(input.deviceId)) {
      throw new HubError(
        'deviceAlreadyExists',
        `The device '${input.deviceId}' is registered already`,
      );
    }
    const identity: DeviceIdentity = {
      deviceId: input.deviceId,
      generationId: this.#newGenerationId(),
      etag: newETag(),
      status: input.status ?? 'enabled',
      ...(input.statusReason !== undefined && { statusReason: input.statusReason }),
      connectionState: 'Disconnected',
      primaryKey: input.primaryKey ?? newSharedAccessKey(),
      secondaryKey: input.secondaryKey ?? newSharedAccessKey(),
    };
    this.#devices.set(identity.deviceId, identity);
    this.#order.add(identity.deviceId);
    this.#onChange();
    return identity;
  }

  /** What the input leaves out stays as it is. */
  update(input: DeviceIdentityInput, ifMatch: string): DeviceIdentity {
    checkInput(input);
    const current = this.get(input.deviceId);
    checkETag(current, ifMatch);
    const status = input.status ?? current.status;
    const updated: DeviceIdentity = {
      ...current,
      etag: newETag(),
      status,
      ...(input.statusReason !== undefined && { statusReason: input.statusReason }),
      ...(status !== current.status && { statusUpdatedAt: this.#clock.now() }),
      primaryKey: input.primaryKey ?? current.primaryKey,
      secondaryKey: input.secondaryKey ?? current.secondaryKey,
    };
    this.#devices.set(updated.deviceId, updated);
    this.#onChange();
    if (status === 'disabled' && current.status === 'enabled')
      this.#revoke(input.deviceId, 'disabled');
    return updated;
  }

  get(deviceId: string): DeviceIdentity {
    const identity = this.#devices.get(deviceId);
    if (!identity)
      throw new HubError('deviceNotFound', `The device '${deviceId}' is not registered`);
    return identity;
  }

  find(deviceId: string): DeviceIdentity | undefined {
    return this.#devices.get(deviceId);
  }

  /** The service answers alike for a device that is unknown and one that is disabled. */
  getEnabled(deviceId: string): DeviceIdentity {
    const identity = this.get(deviceId);
    if (identity.status !== 'enabled')
      throw new HubError('deviceNotFound', `The device '${deviceId}' is disabled`);
    return identity;
  }

  delete(deviceId: string, ifMatch = '*'): void {
    const identity = this.get(deviceId);
    checkETag(identity, ifMatch);
    this.#devices.delete(deviceId);
    this.#order.remove(deviceId);
    for (const listener of this.#deletionListeners) listener(identity);
    this.#onChange();
    this.#revoke(deviceId, 'deleted');
  }

  /** As if each were deleted; afterwards another snapshot can be restored. */
  deleteAll(): void {
    for (const deviceId of this.#devices.keys()) this.delete(deviceId);
    this.#order.clear();
  }

  list(max: number): DeviceIdentity[] {
    return this.page({ max }).items;
  }

  /** In order of registration. A device that is there all the time is in exactly one page, whatever happens to others meanwhile. */
  page(request: { max: number; after?: number }): { items: DeviceIdentity[]; after?: number } {
    const items: DeviceIdentity[] = [];
    let last = request.after ?? 0;
    for (const { id, ordinal } of this.#order.after(last)) {
      if (items.length === request.max) return { items, after: last };
      items.push(this.get(id));
      last = ordinal;
    }
    return { items };
  }

  setConnected(deviceId: string, connected: boolean): void {
    const identity = this.#devices.get(deviceId);
    if (!identity) return;
    const connectionState = connected ? 'Connected' : 'Disconnected';
    if (identity.connectionState === connectionState) return;
    const now = this.#clock.now();
    this.#devices.set(deviceId, {
      ...identity,
      connectionState,
      connectionStateUpdatedAt: now,
      lastActivityAt: now,
    });
  }

  /** The device did something. */
  touch(deviceId: string): void {
    const identity = this.#devices.get(deviceId);
    const now = this.#clock.now();
    if (identity && identity.lastActivityAt !== now)
      this.#devices.set(deviceId, { ...identity, lastActivityAt: now });
  }

  /** The device may no longer be connected. */
  onRevoked(listener: (deviceId: string, reason: Revocation) => void): () => void {
    this.#revocationListeners.add(listener);
    return () => this.#revocationListeners.delete(listener);
  }

  /** Runs before the listeners of onRevoked, for what the hub holds of the device. */
  onDeleted(listener: (identity: DeviceIdentity) => void): () => void {
    this.#deletionListeners.add(listener);
    return () => this.#deletionListeners.delete(listener);
  }

  snapshot(): RegistrySnapshot {
    return [...this.#order.after(0)].map(({ ordinal, id }) => ({
      ordinal,
      identity: this.get(id),
    }));
  }

  restore(snapshot: RegistrySnapshot): void {
    for (const { ordinal, identity } of snapshot) {
      this.#devices.set(identity.deviceId, { ...identity, connectionState: 'Disconnected' });
      this.#order.add(identity.deviceId, ordinal);
      this.#lastGeneration = Math.max(this.#lastGeneration, Number(identity.generationId) || 0);
    }
  }

  #revoke(deviceId: string, reason: Revocation): void {
    for (const listener of this.#revocationListeners) listener(deviceId, reason);
  }

  /** A number of 18 digits from the time, as the service's; never the same twice. */
  #newGenerationId(): string {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, this.#clock.now() * 1000);
    return String(this.#lastGeneration);
  }
}

function checkInput(input: DeviceIdentityInput): void {
  checkDeviceId(input.deviceId);
  checkDeviceKey('primaryKey', input.primaryKey);
  checkDeviceKey('secondaryKey', input.secondaryKey);
}

function newETag(): string {
  return randomBytes(9).toString('base64url');
}

function checkETag(identity: DeviceIdentity, ifMatch: string): void {
  if (ifMatchHolds(ifMatch, identity.etag)) return;
  throw new HubError(
    'preconditionFailed',
    `If-Match is not the current ETag of the device '${identity.deviceId}'`,
  );
}
