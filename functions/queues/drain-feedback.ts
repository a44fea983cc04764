import type { StorageQueueHandler } from '@azure/functions';
import * as z from 'zod';
import { logLine } from '../log-line.ts';
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
      const { drained, hubError, swept, rescued } = await dependencies.watch();
      if (hubError) context.warn(logLine('feedback.hub-unavailable', { detail: hubError.detail }));
      if (drained && drained.batches > 0) context.log(logLine('feedback.drained', { ...drained }));
      if (swept && swept.unknown + swept.expired > 0) {
        context.log(logLine('messages.swept', swept));
      }
      if (rescued > 0) context.warn(logLine('dispatch.rescued', { devices: rescued }));
    });
  };
}
