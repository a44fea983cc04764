import type { EventHubHandler } from '@azure/functions';
import * as z from 'zod';
import { logLine } from '../log-line.ts';
import type { ReceiptRecord } from '../messages/receipt.ts';
import type { FactTally } from '../messages/record-facts.ts';

/** Marks a device's event as a receipt; all others are telemetry, and none of ours. */
const RECEIPT = 'downlink-receipt';

/** As the host gives them: one entry per event. https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs-trigger#event-metadata */
const metadataSchema = z.object({
  propertiesArray: z.array(z.record(z.string(), z.unknown())),
  systemPropertiesArray: z.array(z.record(z.string(), z.unknown())),
  enqueuedTimeUtcArray: z.array(z.string()),
});

const receiptSchema = z.object({
  outcome: z.enum(['ok', 'error']),
  messageId: z.string().min(1),
  deviceId: z.string().min(1),
  at: z.string().transform(Date.parse).pipe(z.number()),
});

/**
 * Takes the receipts out of what devices send. What cannot be read is counted and never holds up the others.
 * Rejects only when storage is away, so that the host repeats it.
 */
export function receiveReceiptsHandler(
  record: (receipts: readonly ReceiptRecord[]) => Promise<FactTally>,
): EventHubHandler<unknown[]> {
  return async (bodies, context) => {
    const metadata = metadataSchema.parse(context.triggerMetadata);
    const receipts: ReceiptRecord[] = [];
    let unreadable = 0;
    for (const [place, properties] of metadata.propertiesArray.entries()) {
      if (!Object.hasOwn(properties, RECEIPT)) continue;
      const system = metadata.systemPropertiesArray[place] ?? {};
      const { data } = receiptSchema.safeParse({
        outcome: properties[RECEIPT],
        messageId: system['correlation-id'],
        // The hub's own word for who sent it.
        deviceId: system['iothub-connection-device-id'],
        at: system['iothub-enqueuedtime'] ?? metadata.enqueuedTimeUtcArray[place],
      });
      if (data) receipts.push({ ...data, body: bodies[place] });
      else unreadable += 1;
    }
    if (receipts.length + unreadable === 0) return;
    context.log(logLine('receipts.recorded', { ...(await record(receipts)), unreadable }));
  };
}
