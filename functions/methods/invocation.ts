export const INVOCATION_STATUSES = [
  'accepted',
  'calling',
  'completed',
  'failed',
  'unknown',
] as const;
/**
 * `accepted`: stored, to be called. `calling`: written before the call. `completed`: the device answered.
 * `failed`: the method did not run, or its answer cannot be read. `unknown`: it may have run.
 */
export type InvocationStatus = (typeof INVOCATION_STATUSES)[number];

export interface InvocationHistoryEntry {
  readonly status: InvocationStatus;
  readonly at: number;
  readonly detail?: string;
}

export interface InvocationFailure {
  readonly code: string;
  readonly detail: string;
}

/** What the device answered. */
export interface InvocationResult {
  /** The device's own result code, whatever it is. */
  readonly status: number;
  readonly payload: unknown;
  readonly durationMs: number;
}

/** The call of a method on a device as Downlink knows it. */
export interface Invocation {
  readonly deviceId: string;
  readonly invocationId: string;
  readonly methodName: string;
  readonly status: InvocationStatus;
  readonly responseTimeoutSeconds: number;
  readonly connectTimeoutSeconds: number;
  /** Whether running the method twice does no harm. */
  readonly idempotent: boolean;
  /** A device that is not online gets a message instead, which lives as long. */
  readonly fallback?: { readonly messageTtlSeconds: number };
  readonly createdAt: number;
  readonly updatedAt: number;
  /** How often a call was begun or will be; 1 for the first. */
  readonly attempt: number;
  readonly history: readonly InvocationHistoryEntry[];
  readonly result?: InvocationResult;
  readonly failure?: InvocationFailure;
  readonly fallbackMessageId?: string;
  /** Hash of the validated request: tells a repeat from another call of the same id. */
  readonly contentHash: string;
  /** W3C trace context of the caller, if he has one; no part of the content. */
  readonly traceParent?: string;
  /** Who wrote the last claim: tells our own write, whose answer was lost, from another's. */
  readonly owner: string;
  /** While `calling`, and while nobody knows: until when the one who calls may still record an answer. */
  readonly callUntil?: number;
  /** What the method is called with; kept only while a queue may have to call. */
  readonly request?: { readonly payload: unknown };
  /** While `accepted`: when it was last put into the queue, and how often. */
  readonly queued?: { readonly at: number; readonly times: number };
}

/** What a caller asked for, defaults filled in. */
export interface InvokeRequest {
  readonly deviceId: string;
  readonly invocationId: string;
  readonly methodName: string;
  readonly payload: unknown;
  readonly responseTimeoutSeconds: number;
  readonly connectTimeoutSeconds: number;
  readonly idempotent: boolean;
  readonly fallback?: { readonly messageTtlSeconds: number };
  readonly traceParent?: string;
}
