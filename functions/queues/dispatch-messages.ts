import type { StorageQueueHandler } from '@azure/functions';
import * as z from 'zod';
import { DEVICE_ID } from '../devices/device.ts';
import { logLine } from '../log-line.ts';
import { dispatchDevice } from '../messages/dispatch/dispatch-device.ts';
import type { DispatchDependencies } from '../messages/dispatch/dispatch-device.ts';
import type { DispatchWakeUp } from '../messages/dispatch/dispatch-queue.ts';
import { deliveriesOf, withPoison } from './poison.ts';
import type { PoisonQueue } from './poison.ts';

const wakeUpSchema = z.strictObject({
  deviceId: z.string().regex(DEVICE_ID),
  retryAt: z.number().exactOptional(),
  hasRoom: z.literal(true).exactOptional(),
});

/**
 * Hands the backlog of one device over. A wake-up that fails to the end is given up alone: the messages stay where they
 * are, and the watch finds their backlog.
 */
export function dispatchMessagesHandler(
  dependencies: Omit<DispatchDependencies, 'warn'> & { poisonQueue: PoisonQueue },
): StorageQueueHandler {
  const { queue, handOverMs, poisonQueue, now } = dependencies;
  return withPoison({
    queue: poisonQueue,
    now,
    parse: (message): DispatchWakeUp => wakeUpSchema.parse(message),
    async handle(wakeUp, context) {
      const { deviceId } = wakeUp;
      const warn = (event: string, error: unknown) =>
        context.warn(
          logLine(event, { deviceId, error: error instanceof Error ? error.message : 'unknown' }),
        );
      const report = await dispatchDevice({ ...dependencies, warn }, wakeUp);
      if (typeof report !== 'string') {
        context.log(logLine('messages.dispatched', { deviceId, ...report }));
        return;
      }
      context.debug(logLine('dispatch.nothing-to-do', { deviceId, reason: report }));
      // Seen before: whoever began with it may have died, and its lease is not over yet.
      if (report === 'another-dispatches' && deliveriesOf(context) > 1) {
        await queue.enqueue({ deviceId }, 2 * handOverMs);
      }
    },
    giveUp: async () => undefined,
  });
}
