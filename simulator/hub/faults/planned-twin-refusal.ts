import type { HubState } from '../state/hub-state.ts';
import { twinRefusal, type TwinAnswer } from '../state/twin-answer.ts';
import type { ErrorEffect } from './fault-effect.ts';

/** What a device is answered where an error was planned for its twin. */
export function plannedTwinRefusal(
  state: HubState,
  { httpStatus = 500, code = httpStatus * 1000, description = 'A planned fault' }: ErrorEffect,
): TwinAnswer {
  return twinRefusal(state, { httpStatus, code, message: description });
}
