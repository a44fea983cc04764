import {
  CLOUD_TO_DEVICE_LOCK_MS,
  DEFAULT_EVENT_RETENTION_MS,
  DEFAULT_FEEDBACK_LOCK_MS,
  DEFAULT_MAX_DELIVERY_COUNT,
  DEFAULT_PARTITION_COUNT,
  DEFAULT_TTL_MS,
  FEEDBACK_BATCH_SIZE,
  FEEDBACK_INTERVAL_MS,
  HIGHEST_MAX_DELIVERY_COUNT,
  HIGHEST_PARTITION_COUNT,
  MAX_EVENT_RETENTION_MS,
  MAX_FEEDBACK_LOCK_MS,
  MAX_IN_FLIGHT_METHODS_PER_DEVICE,
  MAX_MESSAGE_BYTES,
  MAX_QUEUE_DEPTH,
  MAX_TTL_MS,
  MIN_FEEDBACK_LOCK_MS,
  MIN_TTL_MS,
} from './limits.ts';
import { faultsInSettings, InvalidSettingsError, type Range } from './settings-check.ts';

export interface HubSettings {
  readonly cloudToDevice: {
    readonly defaultTtlMs: number;
    readonly maxDeliveryCount: number;
    readonly lockMs: number;
    readonly maxQueueDepth: number;
    readonly maxMessageBytes: number;
  };
  readonly feedback: {
    readonly ttlMs: number;
    readonly lockMs: number;
    readonly maxDeliveryCount: number;
    readonly batchSize: number;
    readonly intervalMs: number;
    /** How many batches may be with consumers at once: the service hands out the next after the previous is settled. */
    readonly maxLockedBatches: number;
  };
  readonly methods: {
    readonly maxInFlightPerDevice: number;
  };
  /** The built-in endpoint of device-to-cloud messages. */
  readonly events: {
    readonly partitionCount: number;
    readonly retentionMs: number;
  };
  readonly twins: {
    /** How long a change by the back end is on its way: the service is not immediate, and some devices rely on it. */
    readonly changeLatencyMs: number;
  };
}

export type HubSettingsInput = { readonly [G in keyof HubSettings]?: Partial<HubSettings[G]> };

const DEFAULTS: HubSettings = {
  cloudToDevice: {
    defaultTtlMs: DEFAULT_TTL_MS,
    maxDeliveryCount: DEFAULT_MAX_DELIVERY_COUNT,
    lockMs: CLOUD_TO_DEVICE_LOCK_MS,
    maxQueueDepth: MAX_QUEUE_DEPTH,
    maxMessageBytes: MAX_MESSAGE_BYTES,
  },
  feedback: {
    ttlMs: DEFAULT_TTL_MS,
    lockMs: DEFAULT_FEEDBACK_LOCK_MS,
    maxDeliveryCount: DEFAULT_MAX_DELIVERY_COUNT,
    batchSize: FEEDBACK_BATCH_SIZE,
    intervalMs: FEEDBACK_INTERVAL_MS,
    maxLockedBatches: 1,
  },
  methods: { maxInFlightPerDevice: MAX_IN_FLIGHT_METHODS_PER_DEVICE },
  events: { partitionCount: DEFAULT_PARTITION_COUNT, retentionMs: DEFAULT_EVENT_RETENTION_MS },
  twins: { changeLatencyMs: 0 },
};

/** As the service has them where it lets them be set; wider where it does not and a test has use for another value. */
const RANGES: { readonly [G in keyof HubSettings]: Readonly<Record<keyof HubSettings[G], Range>> } =
  {
    cloudToDevice: {
      defaultTtlMs: [MIN_TTL_MS, MAX_TTL_MS],
      maxDeliveryCount: [1, HIGHEST_MAX_DELIVERY_COUNT],
      lockMs: [1, MAX_FEEDBACK_LOCK_MS],
      maxQueueDepth: [1, 1_000_000],
      maxMessageBytes: [1, MAX_MESSAGE_BYTES],
    },
    feedback: {
      ttlMs: [MIN_TTL_MS, MAX_TTL_MS],
      lockMs: [MIN_FEEDBACK_LOCK_MS, MAX_FEEDBACK_LOCK_MS],
      maxDeliveryCount: [1, HIGHEST_MAX_DELIVERY_COUNT],
      batchSize: [1, 1_000],
      intervalMs: [0, MAX_TTL_MS],
      maxLockedBatches: [1, 1_000],
    },
    methods: { maxInFlightPerDevice: [1, 1_000_000] },
    events: {
      partitionCount: [1, HIGHEST_PARTITION_COUNT],
      retentionMs: [MIN_TTL_MS, MAX_EVENT_RETENTION_MS],
    },
    twins: { changeLatencyMs: [0, 60_000] },
  };

/** Throws an InvalidSettingsError that names every fault. */
export function checkSettings(value: unknown): asserts value is HubSettingsInput {
  const faults = faultsInSettings(value, RANGES);
  if (faults.length > 0) throw new InvalidSettingsError(faults);
}

/** Fills up with the service's defaults; throws an InvalidSettingsError that names every fault. */
export function hubSettings(input: HubSettingsInput = {}): HubSettings {
  checkSettings(input);
  return {
    cloudToDevice: { ...DEFAULTS.cloudToDevice, ...given(input.cloudToDevice) },
    feedback: { ...DEFAULTS.feedback, ...given(input.feedback) },
    methods: { ...DEFAULTS.methods, ...given(input.methods) },
    events: { ...DEFAULTS.events, ...given(input.events) },
    twins: { ...DEFAULTS.twins, ...given(input.twins) },
  };
}

function given(group: object | undefined): object {
  return Object.fromEntries(
    Object.entries(group ?? {}).filter(([, value]: [string, unknown]) => value !== undefined),
  );
}
