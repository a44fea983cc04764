/** One change of status of a message or an invocation, as it was recorded. */
export interface StatusEvent {
  /** Opaque and unique: who gets an event twice knows it by this. */
  readonly id: string;
  readonly deviceId: string;
  readonly messageId?: string;
  readonly invocationId?: string;
  readonly status: string;
  readonly final: boolean;
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number;
  readonly detail?: string;
  readonly attempt: number;
  /** When the message or invocation was accepted. */
  readonly createdAt: number;
  /** The trace of the caller whom it was accepted from. */
  readonly traceParent?: string;
  /** The stamp by which events are ordered: the writer's clock, and later than the subject's event before. */
  readonly recordedAt: number;
}

export interface EventPage {
  /** In the order of `recordedAt`. */
  readonly events: readonly StatusEvent[];
  readonly continuationToken?: string;
}

/** Events in lanes: all of a device's are in one, and each lane is read on its own. Rejects with `storage-unavailable`. */
export interface EventLog {
  /** The lanes that may hold events of the device, or of any. */
  lanes(deviceId?: string): readonly string[];
  /** A page of the lane's events stamped at `since` or later; one storage request. */
  read(query: {
    lane: string;
    since: number;
    deviceId?: string;
    continuationToken?: string;
  }): Promise<EventPage>;
  /** Removes what was recorded before `before` and says how many events that were. */
  removeBefore(before: number): Promise<number>;
}

export type ReadableLog = Pick<EventLog, 'lanes' | 'read'>;
