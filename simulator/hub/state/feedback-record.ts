import type { Ack } from './cloud-to-device-message.ts';
import type { CloudToDeviceOutcome, FeedbackStatusCode } from './cloud-to-device-outcome.ts';
import { identityName } from './identity-key.ts';

/** As it stands in the JSON of a feedback batch. */
export interface FeedbackRecord {
  readonly originalMessageId: string;
  readonly statusCode: FeedbackStatusCode;
  readonly description: string;
  readonly deviceId: string;
  readonly deviceGenerationId: string;
  /** Despite its name, the time of the outcome. */
  readonly enqueuedTimeUtc: string;
}

const DESCRIPTIONS: Readonly<Record<FeedbackStatusCode, string>> = {
  Success: 'Success',
  Expired: 'Message expired',
  DeliveryCountExceeded: 'Message delivery count exceeded',
  Rejected: 'Message rejected by the device',
  Purged: 'Message purged',
};

/** Undefined if the sender did not ask for this outcome, or gave no id to tie the record to. */
export function feedbackRecord(
  outcome: CloudToDeviceOutcome,
  at: number,
): FeedbackRecord | undefined {
  const { statusCode, message, deviceId, deviceGenerationId } = outcome;
  if (message.messageId === undefined || !isWanted(message.ack, statusCode)) return undefined;
  return {
    originalMessageId: message.messageId,
    statusCode,
    description: DESCRIPTIONS[statusCode],
    // Not verified against the service for messages to modules.
    deviceId: identityName(deviceId).deviceId,
    deviceGenerationId,
    enqueuedTimeUtc: new Date(at).toISOString(),
  };
}

function isWanted(ack: Ack, statusCode: FeedbackStatusCode): boolean {
  return ack === 'full' || ack === (statusCode === 'Success' ? 'positive' : 'negative');
}
