import type { FeedbackMishap, FeedbackMishaps } from '../state/feedback-mishap.ts';
import { isPossible, type FaultEffect } from './fault-effect.ts';
import type { FaultPlan } from './fault-plan.ts';

/** The faults that are planned for feedback, as the queue meets them. */
export function feedbackFaults(faults: FaultPlan): FeedbackMishaps {
  return {
    ofRecord: ({ deviceId }) => mishapOf(faults.take('feedback-record', deviceId)),
    ofBatch: () => mishapOf(faults.take('feedback-batch')),
  };
}

function mishapOf(effect: FaultEffect | undefined): FeedbackMishap | undefined {
  return effect && isMishap(effect) ? effect : undefined;
}

function isMishap(effect: FaultEffect): effect is FeedbackMishap {
  return isPossible('feedback-record', effect);
}
