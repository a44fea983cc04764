/** Every code an answer of the API may carry; `http/problem.ts` gives each its status and title. */
export type ErrorCode =
  | 'invalid-request'
  | 'unauthorized'
  | 'forbidden'
  | 'unsupported-media-type'
  | 'device-disconnected'
  | 'device-not-found'
  | 'device-not-online'
  | 'device-queue-full'
  | 'device-timeout'
  | 'bad-device-response'
  | 'message-not-found'
  | 'invocation-not-found'
  | 'method-not-allowed'
  | 'message-too-large'
  | 'payload-too-large'
  | 'idempotency-conflict'
  | 'in-flight-limit'
  | 'throttled'
  | 'quota-exceeded'
  | 'hub-outcome-unknown'
  | 'hub-unavailable'
  | 'storage-unavailable'
  | 'internal';

export interface Fault {
  /** Where in the request, e.g. `body.ttlSeconds`, `path.deviceId`, `query.limit`. */
  readonly path: string;
  readonly message: string;
}

interface DownlinkErrorOptions {
  readonly cause?: unknown;
  /** Every fault found in the request, all at once. */
  readonly faults?: readonly Fault[];
  readonly retryAfterSeconds?: number;
  /** The HTTP methods that would have been possible. */
  readonly allow?: readonly string[];
}

/**
 * An error whose meaning we know. `detail` goes to the caller: it says what was wrong and what to do,
 * and never holds a payload, a key or the text of a foreign error.
 */
export class DownlinkError extends Error {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly faults: readonly Fault[];
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(code: ErrorCode, detail: string, options: DownlinkErrorOptions = {}) {
    super(`${code}: ${detail}`, { cause: options.cause });
    this.name = 'DownlinkError';
    this.code = code;
    this.detail = detail;
    this.faults = options.faults ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allow = options.allow;
  }
}
