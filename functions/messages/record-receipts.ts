import type { MessageStore } from './message-store.ts';
import { MAX_RECEIPT_BYTES } from './receipt.ts';
import type { ReceiptRecord } from './receipt.ts';
import { recordFacts } from './record-facts.ts';
import type { FactTally, KeyedFact } from './record-facts.ts';

/** Writes what devices said of their messages, before, after or without the hub's feedback. Rejects with `storage-unavailable`. */
export async function recordReceipts(
  dependencies: { store: Pick<MessageStore, 'changeMany'>; now: () => number },
  receipts: readonly ReceiptRecord[],
): Promise<FactTally> {
  return recordFacts(dependencies, receipts.map(factOf));
}

function factOf({ deviceId, messageId, outcome, body, at }: ReceiptRecord): KeyedFact {
  const bytes = Buffer.byteLength(JSON.stringify(body) ?? '');
  const isKept = bytes <= MAX_RECEIPT_BYTES;
  return {
    deviceId,
    messageId,
    fact: {
      status: outcome === 'ok' ? 'handled' : 'handlingFailed',
      at,
      ...(isKept
        ? { receipt: { body } }
        : {
            detail: `The receipt has ${bytes} bytes; Downlink keeps at most ${MAX_RECEIPT_BYTES}.`,
          }),
    },
  };
}
