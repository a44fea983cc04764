import { CertificateAuthorities, type CertificateAuthority } from './certificate-authorities.ts';
import { CloudToDeviceQueues, type QueuesSnapshot } from './cloud-to-device-queues.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import type { DeviceIdentityInput } from './device-identity.ts';
import { DeviceRegistry, type RegistrySnapshot } from './device-registry.ts';
import { EventStore, type EventsSnapshot } from './event-store.ts';
import { FeedbackIntake } from './feedback-intake.ts';
import type { FeedbackMishaps } from './feedback-mishap.ts';
import { FeedbackQueue, type FeedbackSnapshot } from './feedback-queue.ts';
import { feedbackRecord } from './feedback-record.ts';
import { identityKey } from './identity-key.ts';
import { Journal } from './journal.ts';
import type { JsonObject } from './merge-patch.ts';
import { MethodBroker } from './method-broker.ts';
import { MovableClock } from './movable-clock.ts';
import { Presence } from './presence.ts';
import { hubSettings, type HubSettings, type HubSettingsInput } from './settings.ts';
import { SharedAccessPolicies, type SharedAccessPolicy } from './shared-access-policies.ts';
import type { ServiceTier } from './service-tiers.ts';
import { Throttles } from './throttles.ts';
import { Twins, type TwinsSnapshot } from './twins.ts';

/** Raised with every change that an older reader would misread. */
export const SNAPSHOT_VERSION = 2;

/** Plain JSON. It holds keys: whoever stores it keeps others from reading it. */
export interface HubSnapshot {
  readonly version: number;
  /** How far the hub's clock was moved ahead; absent if it was not. */
  readonly clockOffsetMs?: number;
  readonly policies: readonly SharedAccessPolicy[];
  readonly devices: RegistrySnapshot;
  /** Absent while there are none. */
  readonly modules?: RegistrySnapshot;
  readonly queues: QueuesSnapshot;
  readonly feedback: FeedbackSnapshot;
  /** Absent while nobody has written to any. */
  readonly twins?: TwinsSnapshot;
  /** Absent while there is none. */
  readonly certificateAuthorities?: readonly CertificateAuthority[];
  /** Absent in those of hubs that kept no events. */
  readonly events?: EventsSnapshot;
}

/** A device that the hub begins with. */
export interface SeedDevice extends DeviceIdentityInput {
  readonly tags?: JsonObject;
  readonly desired?: JsonObject;
}

export interface HubStateOptions {
  readonly hostName?: string;
  readonly clock?: Clock;
  readonly settings?: HubSettingsInput;
  /** Throttles and the daily quota of a hub of this size; without it there are none. */
  readonly limits?: ServiceTier;
}

/** All that the hub knows. No sockets, no files: the protocol heads wrap it. */
export class HubState {
  readonly hostName: string;
  readonly clock: MovableClock;
  readonly settings: HubSettings;
  readonly throttles: Throttles;
  readonly policies = new SharedAccessPolicies(() => this.#changed());
  readonly certificateAuthorities: CertificateAuthorities;
  readonly registry: DeviceRegistry;
  readonly presence: Presence;
  readonly cloudToDevice: CloudToDeviceQueues;
  readonly feedback: FeedbackQueue;
  readonly methods: MethodBroker;
  readonly twins: Twins;
  readonly events: EventStore;
  readonly journal = new Journal();
  /** What may go wrong with feedback; nothing does while this is not set. */
  feedbackMishaps: FeedbackMishaps | undefined;
  readonly #deadlines: Deadlines;
  readonly #feedbackIntake: FeedbackIntake;
  readonly #changeListeners = new Set<() => void>();

  constructor(options: HubStateOptions = {}) {
    this.hostName = options.hostName ?? 'localhost';
    this.clock = new MovableClock(options.clock ?? systemClock(), () => this.#changed());
    this.settings = hubSettings(options.settings);
    this.throttles = new Throttles(this.clock, options.limits);
    this.#deadlines = new Deadlines(this.clock);
    const onChange = (): void => this.#changed();
    const shared = { clock: this.clock, deadlines: this.#deadlines, onChange };
    this.certificateAuthorities = new CertificateAuthorities(this.clock, onChange);
    this.registry = new DeviceRegistry(this.clock, onChange);
    this.presence = new Presence(this.registry);
    const mishaps = (): FeedbackMishaps | undefined => this.feedbackMishaps;
    this.feedback = new FeedbackQueue({ ...shared, mishaps, settings: this.settings.feedback });
    this.#feedbackIntake = new FeedbackIntake({ ...shared, mishaps, queue: this.feedback });
    this.cloudToDevice = new CloudToDeviceQueues({
      ...shared,
      settings: this.settings.cloudToDevice,
      registry: this.registry,
      throttles: this.throttles,
      journal: this.journal,
      onOutcome: (outcome) => {
        const record = feedbackRecord(outcome, this.clock.now());
        if (record) this.#feedbackIntake.add(record);
      },
    });
    this.methods = new MethodBroker({
      clock: this.clock,
      deadlines: this.#deadlines,
      settings: this.settings.methods,
      registry: this.registry,
      throttles: this.throttles,
    });
    this.twins = new Twins(this.clock, this.registry, onChange);
    this.events = new EventStore({
      hostName: this.hostName,
      clock: this.clock,
      registry: this.registry,
      settings: this.settings.events,
      onChange,
    });
    this.registry.onDeleted(({ generationId }) => {
      this.#feedbackIntake.removeGeneration(generationId);
      this.feedback.removeGeneration(generationId);
    });
  }

  /** Throws if the snapshot is not one of this version, or does not fit together. */
  static restore(snapshot: HubSnapshot, options: HubStateOptions = {}): HubState {
    if (snapshot.version !== SNAPSHOT_VERSION) {
      throw new Error(
        `The snapshot is of version ${snapshot.version}; this hub reads version ${SNAPSHOT_VERSION}`,
      );
    }
    const state = new HubState(options);
    try {
      state.#load(snapshot);
    } catch (error) {
      state.stop();
      throw error;
    }
    return state;
  }

  /** Puts the snapshot in the place of all that is there, or throws and leaves it as it is. Connections are the caller's to drop. */
  replace(snapshot: HubSnapshot): void {
    HubState.restore(snapshot, { settings: this.settings }).stop();
    this.#forgetAll();
    this.#load(snapshot);
    this.#changed();
  }

  /** Back to these devices alone, on a clock that was not moved; the policies keep their keys. */
  reset(devices: readonly SeedDevice[]): void {
    this.#forgetAll();
    this.clock.offsetMs = 0;
    for (const device of devices) this.plant(device);
  }

  /** Registers a device, or a module, with its twin; throws as the registry and the twins do. */
  plant({ tags, desired, ...identity }: SeedDevice): void {
    this.registry.create(identity);
    if (tags ?? desired) this.twins.patch(identityKey(identity), { tags, desired });
  }

  snapshot(): HubSnapshot {
    const modules = this.registry.snapshot('devices.modules');
    const twins = this.twins.snapshot();
    const certificateAuthorities = this.certificateAuthorities.list();
    return {
      version: SNAPSHOT_VERSION,
      ...(this.clock.offsetMs !== 0 && { clockOffsetMs: this.clock.offsetMs }),
      policies: this.policies.list(),
      devices: this.registry.snapshot(),
      ...(modules.length > 0 && { modules }),
      queues: this.cloudToDevice.snapshot(),
      feedback: this.feedback.snapshot(this.#feedbackIntake.records()),
      ...(twins.length > 0 && { twins }),
      events: this.events.snapshot(),
      ...(certificateAuthorities.length > 0 && { certificateAuthorities }),
    };
  }

  /** Something changed that a snapshot would hold. */
  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Stops every timer; nothing expires any more. */
  stop(): void {
    this.#deadlines.stop();
  }

  #forgetAll(): void {
    // Takes along what hangs on a device.
    this.registry.deleteAll();
    this.#feedbackIntake.clear();
    this.feedback.clear();
    this.events.clear();
    this.journal.clear();
  }

  #load(snapshot: HubSnapshot): void {
    this.clock.offsetMs = snapshot.clockOffsetMs ?? 0;
    this.policies.replace(snapshot.policies);
    this.certificateAuthorities.replace(snapshot.certificateAuthorities ?? []);
    this.registry.restore(snapshot.devices);
    this.registry.restore(snapshot.modules ?? []);
    this.feedback.restore(snapshot.feedback);
    this.cloudToDevice.restore(snapshot.queues);
    this.twins.restore(snapshot.twins ?? []);
    if (snapshot.events) this.events.restore(snapshot.events);
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }
}
