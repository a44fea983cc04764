/** Not by its class: the SDK is loaded only where there are queue functions. */
function restError(error: unknown): { statusCode?: unknown; code?: unknown } {
  if (!(error instanceof Error) || error.name !== 'RestError') return {};
  const { statusCode, code }: Error & { statusCode?: unknown; code?: unknown } = error;
  return { statusCode, code };
}

export function isQueueMissing(error: unknown): boolean {
  return restError(error).code === 'QueueNotFound';
}

/** Others have the message by now, or it is gone, or its queue is: nothing is left to do. */
export function isMessageLost(error: unknown): boolean {
  const { statusCode, code } = restError(error);
  return statusCode === 404 || code === 'PopReceiptMismatch' || code === 'QueueBeingDeleted';
}
