import type { Authenticator } from '../auth/authenticator.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import type { HubState } from '../state/hub-state.ts';

/** What the handlers of links work with. */
export interface HubContext {
  readonly state: HubState;
  readonly authenticator: Authenticator;
  readonly faults: FaultPlan;
}
