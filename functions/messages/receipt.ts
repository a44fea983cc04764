/** What a device itself says of a message that it got: an event with the message's id as correlation id. */
export interface ReceiptRecord {
  readonly deviceId: string;
  readonly messageId: string;
  readonly outcome: 'ok' | 'error';
  /** JSON, or a text. */
  readonly body: unknown;
  /** When the hub took it, in milliseconds since the epoch. */
  readonly at: number;
}

/** Larger ones are not kept: a message's rows have limits, and so has every page that lists it. */
export const MAX_RECEIPT_BYTES = 32 * 1024;
