import type { StorageQueueHandler } from '@azure/functions';
import * as z from 'zod';
import { logWatchReport } from '../log-watch-report.ts';
import type { FeedbackWakeUps } from '../messages/feedback-wake-ups.ts';
import type { MessageWatch } from '../messages/message-watch.ts';

const wakeUpSchema = z.object({ token: z.string().min(1), dueAt: z.number() });

/** A wake-up of our own: drains the feedback and plans the next one. Rejects only when storage is away, so that the host repeats it. */
export function drainFeedbackHandler(dependencies: {
  wakeUps: FeedbackWakeUps;
  watch: MessageWatch;
}): StorageQueueHandler {
  return async (message, context) => {
    const wakeUp = wakeUpSchema.parse(message);
    await dependencies.wakeUps.run(wakeUp, async () => {
      logWatchReport(context, await dependencies.watch());
    });
  };
}
