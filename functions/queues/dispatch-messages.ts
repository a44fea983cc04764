import type { StorageQueueHandler } from '@azure/functions';
import * as z from 'zod';
import { DEVICE_ID } from '../devices/device.ts';
import { logLine } from '../log-line.ts';
import { dispatchDevice } from '../messages/dispatch/dispatch-device.ts';
import type { DispatchDependencies } from '../messages/dispatch/dispatch-device.ts';
import type { DispatchWakeUp } from '../messages/dispatch/dispatch-queue.ts';

const wakeUpSchema = z.strictObject({
  deviceId: z.string().regex(DEVICE_ID),
  retryAt: z.number().exactOptional(),
  hasRoom: z.literal(true).exactOptional(),
});

/**
 * A wake-up for one device's backlog. Rejects when storage is away, so that the host repeats it, and for a message
 * that is none of ours, which the host puts into the poison queue in the end.
 */
export function dispatchMessagesHandler(
  dependencies: Omit<DispatchDependencies, 'warn'>,
): StorageQueueHandler {
  return async (message, context) => {
    const wakeUp = readWakeUp(message);
    if (typeof wakeUp === 'string') {
      context.error(logLine('dispatch.unreadable-wake-up', { reason: wakeUp }));
      throw new Error(`This is no wake-up of ours: ${wakeUp}`);
    }
    const warn = (event: string, error: unknown) =>
      context.warn(logLine(event, { error: error instanceof Error ? error.message : 'unknown' }));
    const report = await dispatchDevice({ ...dependencies, warn }, wakeUp);
    const { deviceId } = wakeUp;
    if (typeof report !== 'string') {
      context.log(logLine('messages.dispatched', { deviceId, ...report }));
      return;
    }
    context.debug(logLine('dispatch.nothing-to-do', { deviceId, reason: report }));
    // Seen before: whoever began with it may have died, and its lease is not over yet.
    const dequeueCount = Number(context.triggerMetadata?.['dequeueCount'] ?? 1);
    if (report === 'another-dispatches' && dequeueCount > 1) {
      await dependencies.queue.enqueue({ deviceId }, 2 * dependencies.handOverMs);
    }
  };
}

function readWakeUp(message: unknown): DispatchWakeUp | string {
  const result = wakeUpSchema.safeParse(message);
  if (result.success) return result.data;
  if (typeof message !== 'object') return 'not a JSON object';
  return result.error.issues.map(({ path, code }) => `${path.join('.')} ${code}`).join(', ');
}
