import { CloudToDeviceQueues, type QueuesSnapshot } from './cloud-to-device-queues.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { DeviceRegistry, type RegistrySnapshot } from './device-registry.ts';
import { FeedbackQueue, type FeedbackSnapshot } from './feedback-queue.ts';
import { feedbackRecord } from './feedback-record.ts';
import { Journal } from './journal.ts';
import { MethodBroker } from './method-broker.ts';
import { hubSettings, type HubSettings, type HubSettingsInput } from './settings.ts';
import { SharedAccessPolicies, type SharedAccessPolicy } from './shared-access-policies.ts';

/** Raised with every change that an older reader would misread. */
export const SNAPSHOT_VERSION = 1;

/** Plain JSON. It holds keys: whoever stores it keeps others from reading it. */
export interface HubSnapshot {
  readonly version: number;
  readonly policies: readonly SharedAccessPolicy[];
  readonly devices: RegistrySnapshot;
  readonly queues: QueuesSnapshot;
  readonly feedback: FeedbackSnapshot;
}

export interface HubStateOptions {
  readonly hostName?: string;
  readonly clock?: Clock;
  readonly settings?: HubSettingsInput;
}

/** All that the hub knows. No sockets, no files: the protocol heads wrap it. */
export class HubState {
  readonly hostName: string;
  readonly clock: Clock;
  readonly settings: HubSettings;
  readonly policies: SharedAccessPolicies;
  readonly registry: DeviceRegistry;
  readonly cloudToDevice: CloudToDeviceQueues;
  readonly feedback: FeedbackQueue;
  readonly methods: MethodBroker;
  readonly journal = new Journal();
  readonly #deadlines: Deadlines;
  readonly #changeListeners = new Set<() => void>();

  constructor(options: HubStateOptions = {}, policies = new SharedAccessPolicies()) {
    this.hostName = options.hostName ?? 'localhost';
    this.clock = options.clock ?? systemClock();
    this.settings = hubSettings(options.settings);
    this.policies = policies;
    this.#deadlines = new Deadlines(this.clock);
    const onChange = (): void => this.#changed();
    const shared = { clock: this.clock, deadlines: this.#deadlines, onChange };
    this.registry = new DeviceRegistry(this.clock, onChange);
    this.feedback = new FeedbackQueue({ ...shared, settings: this.settings.feedback });
    this.cloudToDevice = new CloudToDeviceQueues({
      ...shared,
      settings: this.settings.cloudToDevice,
      registry: this.registry,
      journal: this.journal,
      onOutcome: (outcome) => {
        const record = feedbackRecord(outcome, this.clock.now());
        if (record) this.feedback.add(record);
      },
    });
    this.methods = new MethodBroker({
      clock: this.clock,
      deadlines: this.#deadlines,
      settings: this.settings.methods,
      registry: this.registry,
    });
    this.registry.onDeleted(({ generationId }) => this.feedback.removeGeneration(generationId));
  }

  /** Throws if the snapshot is not one of this version, or does not fit together. */
  static restore(snapshot: HubSnapshot, options: HubStateOptions = {}): HubState {
    if (snapshot.version !== SNAPSHOT_VERSION) {
      throw new Error(
        `The snapshot is of version ${snapshot.version}; this hub reads version ${SNAPSHOT_VERSION}`,
      );
    }
    const state = new HubState(options, new SharedAccessPolicies(snapshot.policies));
    state.registry.restore(snapshot.devices);
    state.feedback.restore(snapshot.feedback);
    state.cloudToDevice.restore(snapshot.queues);
    return state;
  }

  snapshot(): HubSnapshot {
    return {
      version: SNAPSHOT_VERSION,
      policies: this.policies.list(),
      devices: this.registry.snapshot(),
      queues: this.cloudToDevice.snapshot(),
      feedback: this.feedback.snapshot(),
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

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }
}
