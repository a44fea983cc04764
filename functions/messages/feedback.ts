/** The outcomes that IoT Hub reports. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d */
export const FEEDBACK_OUTCOMES = [
  'Success',
  'Expired',
  'DeliveryCountExceeded',
  'Rejected',
  'Purged',
] as const;
export type FeedbackOutcome = (typeof FEEDBACK_OUTCOMES)[number];

/** One record of a feedback batch: what became of one message. */
export interface FeedbackRecord {
  readonly messageId: string;
  readonly deviceId: string;
  readonly deviceGenerationId?: string;
  readonly outcome: FeedbackOutcome;
  readonly description?: string;
  /** When the outcome happened (the hub calls it enqueuedTimeUtc), in milliseconds since the epoch. */
  readonly at: number;
}

/** A batch that the hub has locked for us. It is completed once stored, and never abandoned: its lock runs out. */
export interface FeedbackBatch {
  readonly records: readonly FeedbackRecord[];
  /** Entries of the batch that could not be understood, by reason code; they never hold up the others. */
  readonly unreadable: readonly string[];
  /** Tells the hub that the batch is stored; rejects with `hub-unavailable` if it could not be told. */
  complete(): Promise<void>;
}

export interface FeedbackSession {
  /**
   * Waits up to `waitMs` for a batch, then takes whatever else is there at once, up to `maxBatches`.
   * An empty array means that nothing came.
   */
  receive(limits: { waitMs: number; maxBatches: number }): Promise<FeedbackBatch[]>;
  /** Gives the receiver back; batches not completed return to the hub's queue when their lock runs out. */
  close(): Promise<void>;
}

export interface FeedbackSource {
  /** Opens a receiver on the hub's feedback endpoint. Rejects with `hub-unavailable`. */
  open(): Promise<FeedbackSession>;
}
