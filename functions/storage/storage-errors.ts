import { DownlinkError } from '../errors.ts';

/** How long one request to the storage may take with all its retries, in milliseconds. */
export const STORAGE_TIMEOUT_MS = 10_000;

/** Short, since a caller waits; what lasts longer is for the caller, the host or the next wake-up to repeat. */
export const STORAGE_RETRIES = { maxRetries: 2, retryDelayInMs: 100, maxRetryDelayInMs: 1000 };

/** The storage's own code of an error, e.g. `EntityAlreadyExists`. */
export function storageErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, details } = error as Error & {
    code?: unknown;
    details?: { odataError?: { code?: unknown }; errorCode?: unknown };
  };
  const candidates = [details?.odataError?.code, details?.errorCode, code];
  return candidates.find((candidate) => typeof candidate === 'string');
}

export function httpStatusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** Everything that the storage throws and its caller does not expect becomes this. */
export function storageUnavailable(error: unknown): DownlinkError {
  if (error instanceof DownlinkError) return error;
  return new DownlinkError(
    'storage-unavailable',
    'The storage did not answer as it should. Nothing was changed unless the state says so; try again shortly.',
    { cause: error, retryAfterSeconds: 5 },
  );
}
