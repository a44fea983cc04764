import type { TimerHandler } from '@azure/functions';
import { logWatchReport } from '../log-watch-report.ts';
import type { FeedbackWakeUps } from '../messages/feedback-wake-ups.ts';
import type { MessageWatch } from '../messages/message-watch.ts';

/** The safety net below the wake-ups: asks the hub if anything is open, whatever became of the queue's messages. */
export function watchMessagesHandler(dependencies: {
  hasOpenMessages: () => Promise<boolean>;
  wakeUps: Pick<FeedbackWakeUps, 'restore'>;
  watch: MessageWatch;
}): TimerHandler {
  return async (_timer, context) => {
    if (!(await dependencies.hasOpenMessages())) return;
    logWatchReport(context, await dependencies.watch({ sweepNow: true }));
    await dependencies.wakeUps.restore();
  };
}
