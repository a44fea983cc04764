import type { Authenticator } from '../auth/authenticator.ts';
import type { EntraTenant } from '../auth/entra-tenant.ts';
import type { ConnectionInfo } from '../connection-info.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import type { HubState } from '../state/hub-state.ts';
import type { WireLog } from '../wire-log.ts';

export const PROTOCOLS = ['amqp', 'mqtt', 'https'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What the heads let others do to their connections. */
export interface Connections {
  list(protocol: Protocol): readonly ConnectionInfo[];
  drop(protocol: Protocol): void;
  closeAmqp(error?: { condition: string; description?: string }): void;
  detachAmqpLinks(addressSuffix: string, condition: string): void;
}

/** What the admin API looks at and works on. */
export interface AdminContext {
  readonly state: HubState;
  readonly authenticator: Authenticator;
  readonly entra: EntraTenant;
  readonly faults: FaultPlan;
  readonly log: WireLog;
  readonly connections: Connections;
  /** The devices as they were when the hub started, and nothing else. */
  readonly resetState: () => void;
}
