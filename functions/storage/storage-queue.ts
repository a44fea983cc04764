import { QueueClient } from '@azure/storage-queue';
import {
  STORAGE_RETRIES,
  STORAGE_TIMEOUT_MS,
  storageErrorCode,
  storageUnavailable,
} from './storage-errors.ts';

export interface StorageQueue<Content> {
  /** Rejects with `storage-unavailable`. */
  enqueue(content: Content, delayMs: number): Promise<void>;
}

/** A queue that triggers a function of ours; made on first use. */
export function storageQueue<Content>(
  connectionString: string,
  queueName: string,
): StorageQueue<Content> {
  const client = new QueueClient(connectionString, queueName, {
    retryOptions: {
      maxTries: STORAGE_RETRIES.maxRetries + 1,
      retryDelayInMs: STORAGE_RETRIES.retryDelayInMs,
      maxRetryDelayInMs: STORAGE_RETRIES.maxRetryDelayInMs,
    },
  });

  return {
    async enqueue(content, delayMs) {
      // As host.json says: messageEncoding base64.
      const text = Buffer.from(JSON.stringify(content)).toString('base64');
      const send = async () =>
        client.sendMessage(text, {
          visibilityTimeout: Math.ceil(delayMs / 1000),
          abortSignal: AbortSignal.timeout(STORAGE_TIMEOUT_MS),
        });
      try {
        await send().catch(async (error: unknown) => {
          if (storageErrorCode(error) !== 'QueueNotFound') throw error;
          await client.createIfNotExists({ abortSignal: AbortSignal.timeout(STORAGE_TIMEOUT_MS) });
          await send();
        });
      } catch (error) {
        throw storageUnavailable(error);
      }
    },
  };
}
