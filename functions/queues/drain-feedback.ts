import type { StorageQueueHandler } from '@azure/functions';
import { z } from 'zod';
import type { FeedbackWakeUps } from '../messages/feedback-wake-ups.ts';
import type { WatchReport } from '../messages/message-watch.ts';

const wakeUpSchema = z.object({ token: z.string().min(1) });

/** A wake-up of our own: drains the feedback and plans the next one. Rejects only when storage is away, so that the host repeats it. */
export function drainFeedbackHandler(dependencies: {
  wakeUps: FeedbackWakeUps;
  watch: () => Promise<WatchReport>;
}): StorageQueueHandler {
  return async (message, context) => {
    const { token } = wakeUpSchema.parse(message);
    await dependencies.wakeUps.run(token, async () => {
      const { drained, hubError, swept } = await dependencies.watch();
      if (hubError) context.warn('feedback.hub-unavailable', { detail: hubError.detail });
      if (drained && drained.batches > 0) context.log('feedback.drained', drained);
      if (swept && swept.unknown > 0) context.log('messages.swept', swept);
    });
  };
}
