import type { Authenticator } from './auth/authenticator.ts';
import type { FaultPlan } from './faults/fault-plan.ts';
import type { HubState } from './state/hub-state.ts';
import type { WireLog } from './wire-log.ts';

/** What every protocol head is started with. */
export interface HeadOptions {
  readonly state: HubState;
  readonly authenticator: Authenticator;
  readonly faults: FaultPlan;
  readonly log: WireLog;
  /** PEM; `cert` is the leaf with the authority's certificate after it. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  /** 0: any free one. */
  readonly port: number;
  readonly hosts?: string[];
}
