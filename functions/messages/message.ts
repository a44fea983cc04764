/** IoT Hub keeps a cloud-to-device message for two days at the most. */
export const MAX_TTL_SECONDS = 48 * 60 * 60;
export const DEFAULT_TTL_SECONDS = 60 * 60;

/**
 * Largest cloud-to-device message, body and properties together.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
 */
export const MAX_MESSAGE_BYTES = 64 * 1024;

export const MESSAGE_STATUSES = [
  'accepted',
  'deferred',
  'enqueued',
  'failed',
  'unknown',
  'expired',
  'purged',
  'rejected',
  'deliveryCountExceeded',
  'delivered',
  'handled',
  'handlingFailed',
] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

export const ACKS = ['none', 'positive', 'negative', 'full'] as const;
/** Which outcomes the hub is asked to report. */
export type Ack = (typeof ACKS)[number];

/** One thing that happened to a message. Times are milliseconds since the epoch, as everywhere in the domain. */
export interface HistoryEntry {
  readonly status: MessageStatus;
  readonly at: number;
  readonly detail?: string;
}

/** The lease of the one who is handing a message to the hub: before `until` no one else may try. */
export interface HandOver {
  readonly until: number;
  /** Tells our own write, whose answer was lost, from another's. */
  readonly owner: string;
}

/** The place of a message in its device's backlog: Downlink hands it over when its turn has come. */
export interface BacklogPlace {
  /** The order of the backlog: strictly increasing per device while messages wait. */
  readonly acceptedAt: number;
  /** A hand-over was begun, and it is not known whether the hub took the message. */
  readonly inDoubt?: true;
}

/** A message as Downlink knows it: everything but its body. */
export interface Message {
  readonly deviceId: string;
  readonly messageId: string;
  readonly correlationId?: string;
  readonly status: MessageStatus;
  readonly ack: Ack;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly updatedAt: number;
  /** Body and properties in IoT Hub's way of counting. */
  readonly sizeBytes: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** How often a hand-over to the hub was begun; 1 for the first. */
  readonly attempt: number;
  readonly history: readonly HistoryEntry[];
  readonly failure?: { readonly code: string; readonly detail: string };
  /** Hash of the validated request: tells a repeat from another message of the same id. */
  readonly contentHash: string;
  /** W3C trace context of the caller, if he has one; no part of the content. */
  readonly traceParent?: string;
  /** Set while the outcome of the hand-over is not recorded. */
  readonly handOver?: HandOver;
  /** Set while the message waits for queued dispatch. */
  readonly backlog?: BacklogPlace;
  /** Set once the outcome should have come and had not. */
  readonly outcomeOverdue?: true;
  /** How long after its delivery the device's own receipt is waited for. */
  readonly awaitReceiptMs?: number;
  /** Set once that time is over and no receipt has come. */
  readonly receiptOverdue?: true;
  /** What the device itself said of it. */
  readonly receipt?: { readonly body: unknown };
  /** The device's generation at the hub as feedback reported it; for information. */
  readonly deviceGenerationId?: string;
}

/** What is handed to the hub. */
export interface OutgoingMessage {
  readonly deviceId: string;
  readonly messageId: string;
  readonly correlationId?: string;
  readonly body: Uint8Array;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly ack: Ack;
  readonly expiresAt: number;
  /** Goes along as a property where there is room for it. */
  readonly traceParent?: string;
}

export interface MessageSender {
  /**
   * Hands a message to the hub; settled once the hub has said that it took it.
   *
   * Rejects with a DownlinkError. The hub took nothing: `device-not-found`, `device-queue-full`,
   * `message-too-large`, `throttled`, `quota-exceeded`, `hub-unavailable`, `invalid-request`.
   * It is not known whether the hub took it: `hub-outcome-unknown`.
   */
  send(message: OutgoingMessage): Promise<void>;
}

export interface DeviceQueuePurger {
  /** Empties the device's queue at the hub and says how many messages it held. Rejects with `device-not-found`, `throttled`, `hub-unavailable`. */
  purge(deviceId: string): Promise<number>;
}
