import type { Message, MessageStatus } from './message.ts';

/** A message as stored, with the version that a conditional write must meet. */
export interface StoredMessage {
  readonly message: Message;
  /** Opaque; only the store that gave it can read it. */
  readonly version: string;
}

export interface MessageKey {
  readonly deviceId: string;
  readonly messageId: string;
}

/** Computes the next state from the present one; undefined leaves the message as it is. */
export type Change = (message: Message) => Message | undefined;

export interface MessageChange extends MessageKey {
  readonly change: Change;
}

export type ChangeOutcome = 'changed' | 'unchanged' | 'not-found';

export interface ListQuery {
  readonly deviceId: string;
  readonly status?: MessageStatus;
  /** Bounds of `createdAt`, both inclusive. */
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
  readonly continuationToken?: string;
}

export interface MessagePage {
  readonly items: readonly Message[];
  readonly continuationToken?: string;
}

/**
 * Everything that one change touches is written in one transaction. All methods reject with
 * `storage-unavailable` when the storage does not answer or refuses.
 */
export interface MessageStore {
  /** Stores the message if its id is not taken; otherwise gives back the one that has it. */
  insert(message: Message): Promise<StoredMessage & { inserted: boolean }>;
  find(key: MessageKey): Promise<StoredMessage | undefined>;
  /** Applies a change, again and again on the newest state, until it is written or no longer changes anything. */
  change(stored: StoredMessage, change: Change): Promise<StoredMessage & { changed: boolean }>;
  /** Applies many changes in few transactions; the outcomes stand in the order of the changes, and none depends on another's. */
  changeMany(changes: readonly MessageChange[]): Promise<ChangeOutcome[]>;
  /** One page of a device's messages, newest first. Rejects with `invalid-request` for a token that is not ours. */
  list(query: ListQuery): Promise<MessagePage>;
  /** Messages that are not final and must be looked at by `now`, at most `limit`. */
  findDue(now: number, limit: number): Promise<MessageKey[]>;
  hasOpenMessages(): Promise<boolean>;
  /** Removes what was created before `before` and says how many messages that were. */
  removeCreatedBefore(before: number): Promise<number>;
}
