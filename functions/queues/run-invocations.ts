import type { StorageQueueHandler } from '@azure/functions';
import * as z from 'zod';
import { logLine } from '../log-line.ts';
import type { Warn } from '../messages/send-message.ts';
import type { InvocationFailure } from '../methods/invocation.ts';
import type { InvocationKey } from '../methods/invocation-store.ts';
import { withPoison } from './poison.ts';
import type { PoisonQueue } from './poison.ts';

const keySchema = z.strictObject({
  deviceId: z.string().min(1).max(128),
  invocationId: z.string().min(1).max(128),
});

/** Calls devices for invocations that did not wait for it. */
export function runInvocationsHandler(dependencies: {
  run: (key: InvocationKey, warn: Warn) => Promise<string>;
  fail: (key: InvocationKey, failure: InvocationFailure) => Promise<void>;
  poisonQueue: PoisonQueue;
  now: () => number;
}): StorageQueueHandler {
  const { run, fail, poisonQueue, now } = dependencies;
  return withPoison({
    queue: poisonQueue,
    now,
    parse: (message) => keySchema.parse(message),
    async handle(key, context) {
      await run(key, (event, error) =>
        context.warn(
          logLine(event, { ...key, error: error instanceof Error ? error.message : 'unknown' }),
        ),
      );
    },
    giveUp: fail,
  });
}
