import { MAX_EVENT_BYTES } from '../state/limits.ts';

/** A topic's length is a 16-bit number. [MQTT-1.5.3] */
export const MAX_TOPIC_BYTES = 65_535;

/** A largest message with a longest topic, fixed header and packet identifier. */
export const MAX_PACKET_BYTES = MAX_EVENT_BYTES + MAX_TOPIC_BYTES + 9;

/** https://learn.microsoft.com/azure/iot/iot-mqtt-5-preview#connection (3.1.1 has no published number) */
export const CONNECT_TIMEOUT_MS = 30_000;

/** https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub#default-keep-alive-time-out */
export const MAX_SILENCE_MS = 1_767_000;

/** Unacknowledged messages on the way to one device; our own: the service publishes no number for this direction. */
export const MAX_IN_FLIGHT_MESSAGES = 16;

/** Bytes a device has not read yet; method requests beyond it are dropped, as QoS 0 allows. */
export const MAX_UNREAD_BYTES = 1024 * 1024;
