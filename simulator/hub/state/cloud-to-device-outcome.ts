import type { CloudToDeviceMessage } from './cloud-to-device-message.ts';

/** How a message can end, by the names that feedback gives it. */
export type FeedbackStatusCode =
  'Success' | 'Expired' | 'DeliveryCountExceeded' | 'Rejected' | 'Purged';

export interface CloudToDeviceOutcome {
  readonly statusCode: FeedbackStatusCode;
  readonly message: CloudToDeviceMessage;
  readonly deviceId: string;
  readonly deviceGenerationId: string;
}
