import type { InvocationContext } from '@azure/functions';
import { logLine } from './log-line.ts';
import type { WatchReport } from './messages/message-watch.ts';

/** What a look at the open messages brought: a line for each thing that happened. */
export function logWatchReport(
  context: Pick<InvocationContext, 'log' | 'warn'>,
  { drained, hubError, swept, feedback, rescued }: WatchReport,
): void {
  if (hubError) context.warn(logLine('feedback.hub-unavailable', { detail: hubError.detail }));
  if (drained && drained.batches > 0) context.log(logLine('feedback.drained', { ...drained }));
  if (swept && swept.unknown + swept.expired + swept.withoutReceipt + swept.overdue.length > 0) {
    context.log(logLine('messages.swept', { ...swept, overdue: swept.overdue.length }));
  }
  if (feedback?.state === 'ok') context.log(logLine('feedback.recovered', { ...feedback }));
  else if (feedback) context.warn(logLine('feedback.alarm', { ...feedback }));
  if (rescued > 0) context.warn(logLine('dispatch.rescued', { devices: rescued }));
}
