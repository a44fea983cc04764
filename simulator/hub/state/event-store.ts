import type { Clock } from './clock.ts';
import { ConsumerGroups } from './consumer-groups.ts';
import {
  checkEventBytes,
  eventBytes,
  type DeviceEvent,
  type EventOrigin,
  type NewDeviceEvent,
} from './device-event.ts';
import type { DeviceIdentity } from './device-identity.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { EventReaders } from './event-readers.ts';
import { EventPartition, type PartitionSnapshot } from './event-partition.ts';
import { identityName } from './identity-key.ts';
import { MAX_RETAINED_EVENT_BYTES, MAX_RETAINED_EVENTS } from './limits.ts';
import type { HubSettings } from './settings.ts';

export interface EventsSnapshot {
  /** All but the one that every hub has. */
  readonly consumerGroups: readonly string[];
  readonly partitions: readonly PartitionSnapshot[];
}

export interface EventStoreDependencies {
  readonly hostName: string;
  readonly clock: Clock;
  readonly registry: DeviceRegistry;
  readonly settings: HubSettings['events'];
  readonly onChange: () => void;
}

/** What devices sent, as the built-in endpoint has it. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-read-builtin */
export class EventStore {
  /** How Event Hubs clients call it; the service's names are as long and less plain. */
  readonly name: string;
  readonly createdAt: number;
  readonly consumerGroups: ConsumerGroups;
  readonly readers = new EventReaders();
  readonly #dependencies: EventStoreDependencies;
  readonly #partitions: readonly EventPartition[];

  constructor(dependencies: EventStoreDependencies) {
    const { hostName, clock, settings, onChange } = dependencies;
    const [hubName = ''] = hostName.toLowerCase().split('.');
    this.name = `iothub-ehub-${hubName}`;
    this.createdAt = clock.now();
    this.#dependencies = dependencies;
    this.consumerGroups = new ConsumerGroups([], onChange);
    const bounds = {
      events: Math.ceil(MAX_RETAINED_EVENTS / settings.partitionCount),
      bytes: Math.ceil(MAX_RETAINED_EVENT_BYTES / settings.partitionCount),
    };
    this.#partitions = Array.from(
      { length: settings.partitionCount },
      (_, place) => new EventPartition(String(place), bounds),
    );
  }

  /** All events of a device are in one partition, in their order. Throws `messageTooLarge`, `deviceNotFound`. */
  append(origin: EventOrigin, event: NewDeviceEvent): DeviceEvent {
    checkEventBytes(eventBytes(event));
    const { clock, registry, onChange } = this.#dependencies;
    const identity = registry.get(origin.entityId);
    const { deviceId, moduleId } = identityName(origin.entityId);
    const appended = this.#partitionOf(deviceId).append({
      ...event,
      deviceId,
      ...(moduleId !== undefined && { moduleId }),
      generationId: identity.generationId,
      authMethod: authMethodOf(identity),
      ...(origin.modelId !== undefined && { modelId: origin.modelId }),
      enqueuedAt: clock.now(),
    });
    onChange();
    return appended;
  }

  partitions(): readonly EventPartition[] {
    for (const partition of this.#partitions) this.#dropOld(partition);
    return this.#partitions;
  }

  /** Without what is too old by now. */
  partition(id: string): EventPartition | undefined {
    const partition = this.#partitions.find((each) => each.id === id);
    if (partition) this.#dropOld(partition);
    return partition;
  }

  /** Forgets the events; groups and numbers stay. */
  clear(): void {
    for (const partition of this.#partitions) partition.clear();
  }

  snapshot(): EventsSnapshot {
    return {
      consumerGroups: this.consumerGroups.list().slice(1),
      partitions: this.partitions().map((partition) => partition.snapshot()),
    };
  }

  /** Of a hub with fewer partitions the others start empty, of one with more the rest is left out. */
  restore({ consumerGroups, partitions }: EventsSnapshot): void {
    this.consumerGroups.replace(consumerGroups);
    for (const [place, partition] of this.#partitions.entries()) {
      const snapshot = partitions[place];
      if (snapshot) partition.restore(snapshot);
    }
  }

  #dropOld(partition: EventPartition): void {
    const { clock, settings } = this.#dependencies;
    partition.dropBefore(clock.now() - settings.retentionMs);
  }

  #partitionOf(deviceId: string): EventPartition {
    const partition = this.#partitions[hash(deviceId) % this.#partitions.length];
    if (!partition) throw new Error('The hub has no partitions');
    return partition;
  }
}

/** As the service words it. Coarser: it names a policy, too, if the token was one of a policy. */
function authMethodOf({ moduleId, authenticationType }: DeviceIdentity): string {
  const isOfHub = authenticationType === 'sas' || authenticationType === 'none';
  return JSON.stringify({
    scope: moduleId === undefined ? 'device' : 'module',
    type: isOfHub ? 'sas' : 'x509',
    issuer: isOfHub ? 'iothub' : 'external',
    acceptingIpFilterRule: null,
  });
}

/** FNV-1a, 32 bits. The service's own way from a device to its partition is not published. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
