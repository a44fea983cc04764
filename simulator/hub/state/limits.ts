/** The service's numbers. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling */
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-module-twins */
export const MAX_MODULES_PER_DEVICE = 50;

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d
export const DEFAULT_TTL_MS = HOUR_MS;
export const MIN_TTL_MS = MINUTE_MS;
export const MAX_TTL_MS = 2 * DAY_MS;
export const DEFAULT_MAX_DELIVERY_COUNT = 10;
export const HIGHEST_MAX_DELIVERY_COUNT = 100;
/** The service does not let it be changed. */
export const CLOUD_TO_DEVICE_LOCK_MS = MINUTE_MS;
export const MAX_QUEUE_DEPTH = 50;
export const MAX_MESSAGE_BYTES = 64 * 1024;

export const DEFAULT_FEEDBACK_LOCK_MS = MINUTE_MS;
export const MIN_FEEDBACK_LOCK_MS = 5 * SECOND_MS;
export const MAX_FEEDBACK_LOCK_MS = 300 * SECOND_MS;
export const FEEDBACK_BATCH_SIZE = 64;
export const FEEDBACK_INTERVAL_MS = 15 * SECOND_MS;

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods
export const MIN_RESPONSE_TIMEOUT_SECONDS = 5;
export const MAX_RESPONSE_TIMEOUT_SECONDS = 300;
export const DEFAULT_RESPONSE_TIMEOUT_SECONDS = 30;
export const MAX_CONNECT_TIMEOUT_SECONDS = 300;
export const MAX_METHOD_PAYLOAD_BYTES = 128 * 1024;
/** Our own: the service has such a limit (403800) and publishes no number. */
export const MAX_IN_FLIGHT_METHODS_PER_DEVICE = 100;

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct */
export const MAX_MESSAGE_ID_LENGTH = 128;
/** The largest device-to-cloud message. */
export const MAX_EVENT_BYTES = 256 * 1024;

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-read-builtin
export const DEFAULT_PARTITION_COUNT = 4;
export const HIGHEST_PARTITION_COUNT = 32;
export const DEFAULT_EVENT_RETENTION_MS = DAY_MS;
export const MAX_EVENT_RETENTION_MS = 7 * DAY_MS;
/** https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
export const MAX_CONSUMER_GROUPS = 20;
export const MAX_READERS_PER_PARTITION = 5;
/** Our own, for all partitions together: the hub keeps its events in memory. */
export const MAX_RETAINED_EVENTS = 100_000;
export const MAX_RETAINED_EVENT_BYTES = 64 * 1024 * 1024;
/** Our own, per partition: a snapshot is written as one text. */
export const MAX_SNAPSHOT_EVENTS = 1_000;
export const MAX_SNAPSHOT_EVENT_BYTES = 1024 * 1024;

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins
export const MAX_TWIN_TAGS_BYTES = 8 * 1024;
export const MAX_TWIN_PROPERTIES_BYTES = 32 * 1024;
export const MAX_TWIN_DEPTH = 10;
export const MAX_TWIN_KEY_BYTES = 1024;
export const MAX_TWIN_STRING_BYTES = 4 * 1024;
export const MIN_TWIN_INTEGER = -4_503_599_627_370_496;
export const MAX_TWIN_INTEGER = 4_503_599_627_370_495;
