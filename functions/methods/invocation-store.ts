import type { Invocation, InvocationStatus } from './invocation.ts';

/** An invocation as stored, with the version that a conditional write must meet. */
export interface StoredInvocation {
  readonly invocation: Invocation;
  /** Opaque; only the store that gave it can read it. */
  readonly version: string;
}

export interface InvocationKey {
  readonly deviceId: string;
  readonly invocationId: string;
}

/** Computes the next state from the present one; undefined leaves the invocation as it is. */
type InvocationChange = (invocation: Invocation) => Invocation | undefined;

interface InvocationListQuery {
  readonly deviceId: string;
  readonly status?: InvocationStatus;
  /** Bounds of `createdAt`, both inclusive. */
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
  readonly continuationToken?: string;
}

/**
 * Everything that one change touches is written in one transaction. All methods reject with
 * `storage-unavailable` when the storage does not answer or refuses.
 */
export interface InvocationStore {
  /** Stores the invocation if its id is not taken; otherwise gives back the one that has it. */
  insert(invocation: Invocation): Promise<StoredInvocation & { inserted: boolean }>;
  find(key: InvocationKey): Promise<StoredInvocation | undefined>;
  /** Applies a change, again and again on the newest state, until it is written or no longer changes anything. */
  change(
    stored: StoredInvocation,
    change: InvocationChange,
  ): Promise<StoredInvocation & { changed: boolean }>;
  /**
   * One page of a device's invocations, newest first, without the payloads of their results. Rejects with
   * `invalid-request` for a token that is not ours.
   */
  list(
    query: InvocationListQuery,
  ): Promise<{ items: readonly Invocation[]; continuationToken?: string }>;
  /** Invocations that must be looked at by `by`, at most `limit` of each partition. */
  findDue(by: number, limit: number): Promise<InvocationKey[]>;
  /** Removes what was created before `before` and says how many invocations that were. */
  removeCreatedBefore(before: number): Promise<number>;
}
