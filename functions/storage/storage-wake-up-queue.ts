import { QueueClient } from '@azure/storage-queue';
import type { WakeUpQueue } from '../messages/feedback-wake-ups.ts';
import {
  STORAGE_RETRIES,
  STORAGE_TIMEOUT_MS,
  storageErrorCode,
  storageUnavailable,
} from './storage-errors.ts';

/** The queue whose messages wake the feedback drain. */
export function storageWakeUpQueue(connectionString: string, queueName: string): WakeUpQueue {
  const client = new QueueClient(connectionString, queueName, {
    retryOptions: {
      maxTries: STORAGE_RETRIES.maxRetries + 1,
      retryDelayInMs: STORAGE_RETRIES.retryDelayInMs,
      maxRetryDelayInMs: STORAGE_RETRIES.maxRetryDelayInMs,
    },
  });

  return {
    async enqueue(wakeUp, delayMs) {
      // As host.json says: messageEncoding base64.
      const text = Buffer.from(JSON.stringify(wakeUp)).toString('base64');
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
