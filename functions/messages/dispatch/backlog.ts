import type { Message } from '../message.ts';
import type { MessageKey, StoredMessage } from '../message-store.ts';

/** A message that waits, with what is kept of it only here. */
export interface BacklogEntry extends MessageKey {
  readonly acceptedAt: number;
  /** Undefined if what is stored is not what was stored. */
  readonly body: Uint8Array | undefined;
}

/** Who hands over a device's backlog, and how far it is. */
export interface DispatchLease {
  /** Empty when nobody does. */
  readonly owner: string;
  readonly until: number;
  /** The message that is being handed over: the hub may have it, whatever became of the owner. */
  readonly atHub?: { readonly acceptedAt: number; readonly messageId: string };
  /** Before that a new try makes no sense; 0 when nothing was put off. */
  readonly retryAt: number;
  /** How often in a row the device's first message was put off. */
  readonly deferrals: number;
}

/** A device's backlog as it was at one moment. */
export interface BacklogView {
  readonly lease: DispatchLease | undefined;
  readonly versions: BacklogVersions;
  /** The first messages, in their order. */
  readonly entries: readonly BacklogEntry[];
  readonly hasMore: boolean;
}

interface BacklogVersions {
  readonly lease: string | undefined;
  /** Changes with every message that joins the backlog. */
  readonly order: string;
}

export interface BacklogWrite {
  /** `versions` of the view that the write builds on. */
  readonly versions: BacklogVersions;
  /** `ended`: nothing waits any more; fails if a message has joined since the view. */
  readonly lease: DispatchLease | 'ended' | 'as-it-is';
  readonly changes: readonly { readonly from: StoredMessage; readonly to: Message }[];
  /** Entries whose message is gone. */
  readonly orphans: readonly BacklogEntry[];
}

/** The messages that wait for queued dispatch, by device. All methods reject with `storage-unavailable`. */
export interface Backlog {
  /**
   * Stores a message and its body at the end of its device's backlog, unless its id is taken. Times of acceptance
   * grow in the order in which messages are stored, whoever stores them.
   */
  append(
    key: MessageKey,
    compose: (acceptedAt: number) => Message,
    body: Uint8Array,
  ): Promise<StoredMessage & { inserted: boolean }>;
  /** The same for a message that is there already, if `change` makes a new try of it. */
  appendAgain(
    stored: StoredMessage,
    change: (message: Message, acceptedAt: number) => Message | undefined,
    body: Uint8Array,
  ): Promise<StoredMessage & { changed: boolean }>;
  /** Undefined if nothing waits. */
  read(deviceId: string, limit: number): Promise<BacklogView | undefined>;
  /** All or nothing, and nothing if the lease or one of the messages has changed since it was read. Gives the lease's new version. */
  write(deviceId: string, write: BacklogWrite): Promise<{ leaseVersion: string } | 'conflict'>;
  /** Messages that wait and have not been told so yet. */
  findAccepted(deviceId: string, limit: number): Promise<MessageKey[]>;
  /** Messages that wait, in their order, after the one given. */
  keys(
    deviceId: string,
    options: { limit: number; after?: Pick<BacklogEntry, 'acceptedAt' | 'messageId'> },
  ): Promise<Omit<BacklogEntry, 'body'>[]>;
  count(deviceId: string): Promise<number>;
  /** Devices with a backlog that nobody was to look at again after `before`. */
  findNeglected(before: number): Promise<string[]>;
  /** Says when a device's backlog is looked at again at the latest. */
  setLookAt(deviceId: string, lookAt: number): Promise<void>;
}
