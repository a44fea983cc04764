import { AsyncLocalStorage } from 'node:async_hooks';
import type { InvocationContext } from '@azure/functions';
import type { StatusEvent } from './event-log/status-event.ts';
import { logLine } from './log-line.ts';

type Log = Pick<InvocationContext, 'log'>;

const invocations = new AsyncLocalStorage<Log>();

/** Runs a function of ours so that what it records is logged as of its invocation. */
export function inInvocation<Result>(context: Log, run: () => Result): Result {
  return invocations.run(context, run);
}

/** Logs a change of status once it is stored, whoever made it. */
export function logStatusEvent(event: Omit<StatusEvent, 'id'>): void {
  const { deviceId, messageId, invocationId, status, final, attempt, detail } = event;
  const subject = messageId === undefined ? 'invocation' : 'message';
  invocations.getStore()?.log(
    logLine(`${subject}.${final ? 'final' : status}`, {
      deviceId,
      ...(messageId === undefined ? { invocationId } : { messageId }),
      status,
      attempt,
      ...(detail !== undefined && { detail }),
      durationMs: event.recordedAt - event.createdAt,
      ...(event.traceParent !== undefined && { traceparent: event.traceParent }),
    }),
  );
}
