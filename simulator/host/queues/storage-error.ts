import { RestError } from '@azure/storage-queue';

export function isQueueMissing(error: unknown): boolean {
  return error instanceof RestError && error.code === 'QueueNotFound';
}

/** Others have the message by now, or it is gone, or its queue is: nothing is left to do. */
export function isMessageLost(error: unknown): boolean {
  return (
    error instanceof RestError &&
    (error.statusCode === 404 ||
      error.code === 'PopReceiptMismatch' ||
      error.code === 'QueueBeingDeleted')
  );
}
