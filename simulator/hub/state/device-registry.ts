import { randomBytes } from 'node:crypto';
import { newAuthentication } from './authentication.ts';
import type { Clock } from './clock.ts';
import {
  checkIdentityName,
  type DeviceIdentity,
  type DeviceIdentityInput,
} from './device-identity.ts';
import { HubError } from './hub-error.ts';
import { identityKey, identityName, nameInWords } from './identity-key.ts';
import { ifMatchHolds } from './if-match.ts';
import { MAX_MODULES_PER_DEVICE } from './limits.ts';
import { OrderedIds } from './ordered-ids.ts';

export type Revocation = 'deleted' | 'disabled';
/** As the query language calls them. */
export type IdentityKind = 'devices' | 'devices.modules';
interface PlacedIdentity {
  readonly ordinal: number;
  readonly identity: DeviceIdentity;
}
export type RegistrySnapshot = readonly PlacedIdentity[];

interface Page {
  readonly max: number;
  readonly after?: number;
}

/** Devices and their modules, each under its key: `device` or `device/module`. */
export class DeviceRegistry {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #identities = new Map<string, DeviceIdentity>();
  readonly #devices = new OrderedIds();
  readonly #modules = new OrderedIds();
  /** Their keys by device. */
  readonly #modulesOf = new Map<string, Set<string>>();
  readonly #revocationListeners = new Set<(key: string, reason: Revocation) => void>();
  readonly #deletionListeners = new Set<(identity: DeviceIdentity) => void>();
  #lastGeneration = 0;

  constructor(clock: Clock, onChange: () => void = () => {}) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Of devices. */
  get size(): number {
    return this.#devices.size;
  }

  /** Of a module throws `deviceNotFound` and `tooManyModules` too. */
  create(input: DeviceIdentityInput): DeviceIdentity {
    checkIdentityName(input);
    const { deviceId, moduleId, managedBy } = input;
    const device = moduleId === undefined ? undefined : this.#withRoom(deviceId);
    this.#checkIsNew(input);
    const identity: DeviceIdentity = {
      deviceId,
      ...(moduleId !== undefined && { moduleId }),
      generationId: this.#newGenerationId(),
      etag: newETag(),
      status: device?.status ?? input.status ?? 'enabled',
      ...(input.statusReason !== undefined && { statusReason: input.statusReason }),
      connectionState: 'Disconnected',
      ...newAuthentication(input),
      ...(managedBy !== undefined && { managedBy }),
    };
    this.#add(identity);
    this.#onChange();
    return identity;
  }

  /** What the input leaves out stays as it is, but for `managedBy`. */
  update(input: DeviceIdentityInput, ifMatch: string): DeviceIdentity {
    checkIdentityName(input);
    const key = identityKey(input);
    const current = this.get(key);
    checkETag(current, ifMatch);
    const isModule = current.moduleId !== undefined;
    const status = isModule ? current.status : (input.status ?? current.status);
    const { managedBy: _manager, x509Thumbprint: _thumbprints, ...kept } = current;
    const updated: DeviceIdentity = {
      ...kept,
      etag: newETag(),
      status,
      ...(input.statusReason !== undefined && { statusReason: input.statusReason }),
      ...(status !== current.status && { statusUpdatedAt: this.#clock.now() }),
      ...newAuthentication(input, current),
      ...(input.managedBy !== undefined && { managedBy: input.managedBy }),
    };
    this.#identities.set(key, updated);
    for (const module of this.modulesOf(key))
      this.#identities.set(identityKey(module), { ...module, status });
    this.#onChange();
    if (status === 'disabled' && current.status === 'enabled') {
      this.#revoke(key, 'disabled');
      for (const module of this.modulesOf(key)) this.#revoke(identityKey(module), 'disabled');
    }
    return updated;
  }

  /** Throws `deviceNotFound`, or `moduleNotFound`. */
  get(key: string): DeviceIdentity {
    const identity = this.#identities.get(key);
    if (identity) return identity;
    const kind = identityName(key).moduleId === undefined ? 'deviceNotFound' : 'moduleNotFound';
    throw new HubError(kind, `The ${nameInWords(key)} is not registered`);
  }

  find(key: string): DeviceIdentity | undefined {
    return this.#identities.get(key);
  }

  /** The service answers alike for a device that is unknown and one that is disabled. */
  getEnabled(key: string): DeviceIdentity {
    const identity = this.get(key);
    if (identity.status !== 'enabled')
      throw new HubError('deviceNotFound', `The device '${identity.deviceId}' is disabled`);
    return identity;
  }

  /** A device takes its modules along. */
  delete(key: string, ifMatch = '*'): void {
    const identity = this.get(key);
    checkETag(identity, ifMatch);
    for (const module of this.modulesOf(key)) this.delete(identityKey(module));
    this.#identities.delete(key);
    this.#devices.remove(key);
    this.#modules.remove(key);
    this.#modulesOf.delete(key);
    this.#modulesOf.get(identity.deviceId)?.delete(key);
    for (const listener of this.#deletionListeners) listener(identity);
    this.#onChange();
    this.#revoke(key, 'deleted');
  }

  /** As if each were deleted; afterwards another snapshot can be restored. */
  deleteAll(): void {
    for (const { deviceId } of this.list(Infinity)) this.delete(deviceId);
    this.#devices.clear();
    this.#modules.clear();
  }

  list(max: number): DeviceIdentity[] {
    return this.page({ max }).items;
  }

  /** In order of registration; none for what is no device. */
  modulesOf(deviceId: string): DeviceIdentity[] {
    return [...(this.#modulesOf.get(deviceId) ?? [])].map((key) => this.get(key));
  }

  /** Of devices in order of registration. One that is there all the time is in exactly one page, whatever happens to others meanwhile. */
  page(request: Page): { items: DeviceIdentity[]; after?: number } {
    const items: DeviceIdentity[] = [];
    let last = request.after ?? 0;
    for (const { ordinal, identity } of this.after('devices', last)) {
      if (items.length === request.max) return { items, after: last };
      items.push(identity);
      last = ordinal;
    }
    return { items };
  }

  /** With the place of each, from which to go on later. */
  *after(kind: IdentityKind, ordinal: number): Generator<PlacedIdentity> {
    const order = kind === 'devices' ? this.#devices : this.#modules;
    for (const place of order.after(ordinal))
      yield { ordinal: place.ordinal, identity: this.get(place.id) };
  }

  /** Likewise, without looking at those of other devices. */
  ofDevicesAfter(
    kind: IdentityKind,
    ordinal: number,
    deviceIds: Iterable<string>,
  ): PlacedIdentity[] {
    const order = kind === 'devices' ? this.#devices : this.#modules;
    const keys: string[] = [];
    for (const deviceId of deviceIds) {
      if (kind === 'devices') keys.push(deviceId);
      else keys.push(...(this.#modulesOf.get(deviceId) ?? []));
    }
    return keys
      .flatMap((key) => {
        const place = order.ordinalOf(key) ?? 0;
        return place > ordinal ? [{ ordinal: place, identity: this.get(key) }] : [];
      })
      .toSorted((a, b) => a.ordinal - b.ordinal);
  }

  setConnected(key: string, connected: boolean): void {
    const identity = this.#identities.get(key);
    if (!identity) return;
    const connectionState = connected ? 'Connected' : 'Disconnected';
    if (identity.connectionState === connectionState) return;
    const now = this.#clock.now();
    this.#identities.set(key, {
      ...identity,
      connectionState,
      connectionStateUpdatedAt: now,
      lastActivityAt: now,
    });
  }

  /** The device, or module, did something. */
  touch(key: string): void {
    const identity = this.#identities.get(key);
    const now = this.#clock.now();
    if (identity && identity.lastActivityAt !== now)
      this.#identities.set(key, { ...identity, lastActivityAt: now });
  }

  /** The device, or module, may no longer be connected. */
  onRevoked(listener: (key: string, reason: Revocation) => void): () => void {
    this.#revocationListeners.add(listener);
    return () => this.#revocationListeners.delete(listener);
  }

  /** Runs before the listeners of onRevoked, for what the hub holds of the device or module. */
  onDeleted(listener: (identity: DeviceIdentity) => void): () => void {
    this.#deletionListeners.add(listener);
    return () => this.#deletionListeners.delete(listener);
  }

  snapshot(kind: IdentityKind = 'devices'): RegistrySnapshot {
    return [...this.after(kind, 0)];
  }

  /** Devices, or modules of devices that are there. */
  restore(snapshot: RegistrySnapshot): void {
    for (const { ordinal, identity } of snapshot) {
      if (identity.moduleId !== undefined) this.get(identity.deviceId);
      this.#add({ ...identity, connectionState: 'Disconnected' }, ordinal);
      this.#lastGeneration = Math.max(this.#lastGeneration, Number(identity.generationId) || 0);
    }
  }

  #add(identity: DeviceIdentity, ordinal?: number): void {
    const key = identityKey(identity);
    this.#identities.set(key, identity);
    if (identity.moduleId === undefined) {
      this.#devices.add(key, ordinal);
      this.#modulesOf.set(key, new Set());
    } else {
      this.#modules.add(key, ordinal);
      this.#modulesOf.get(identity.deviceId)?.add(key);
    }
  }

  /** The device that a new module is for. */
  #withRoom(deviceId: string): DeviceIdentity {
    const device = this.get(deviceId);
    const modules = this.#modulesOf.get(deviceId)?.size ?? 0;
    if (modules < MAX_MODULES_PER_DEVICE) return device;
    throw new HubError('tooManyModules', `The device '${deviceId}' has ${modules} modules already`);
  }

  #checkIsNew(input: DeviceIdentityInput): void {
    const key = identityKey(input);
    if (!this.#identities.has(key)) return;
    const kind = input.moduleId === undefined ? 'deviceAlreadyExists' : 'moduleAlreadyExists';
    throw new HubError(kind, `The ${nameInWords(key)} is registered already`);
  }

  #revoke(key: string, reason: Revocation): void {
    for (const listener of this.#revocationListeners) listener(key, reason);
  }

  /** A number of 18 digits from the time, as the service's; never the same twice. */
  #newGenerationId(): string {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, this.#clock.now() * 1000);
    return String(this.#lastGeneration);
  }
}

function newETag(): string {
  return randomBytes(9).toString('base64url');
}

function checkETag(identity: DeviceIdentity, ifMatch: string): void {
  if (ifMatchHolds(ifMatch, identity.etag)) return;
  throw new HubError(
    'preconditionFailed',
    `If-Match is not the current ETag of the ${nameInWords(identityKey(identity))}`,
  );
}
