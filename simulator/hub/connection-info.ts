/** A connection as the admin API shows it. */
export interface ConnectionInfo {
  readonly protocol: 'amqp' | 'mqtt' | 'https';
  /** As in the log. */
  readonly peer: string;
  /** The machine's time. */
  readonly connectedAt: number;
  /** By what they showed: policies, devices, modules. */
  readonly identities: readonly string[];
  /** That the other side has not read yet. */
  readonly unreadBytes: number;
  readonly mqtt?: {
    readonly cleanSession: boolean;
    readonly keepAliveSeconds: number;
    readonly subscriptions: readonly string[];
    /** Messages on their way that it has not acknowledged. */
    readonly unacknowledged: number;
  };
  readonly links?: readonly LinkInfo[];
}

export interface LinkInfo {
  readonly address: string;
  /** The hub's. */
  readonly role: 'sender' | 'receiver';
  /** Undefined for a link that is open to all. */
  readonly identity: string | undefined;
  readonly attachedAt: number;
  /** What the receiving side has given and not used. */
  readonly credit: number;
  /** Transfers whose outcome is not settled. */
  readonly unsettled: number;
}
