import type { HttpHandler } from '@azure/functions';
import { DownlinkError } from '../errors.ts';
import { logLine } from '../log-line.ts';
import { problemResponse } from './problem.ts';
import type { Route } from './route.ts';
import { traceParentOf } from './trace-parent.ts';

/** The one catch of all routes: our errors become problem documents, all others a 500 that tells nothing but its id. */
export function withProblems(route: Route): HttpHandler {
  return async (request, context) => {
    const requestId = context.invocationId;
    const response = await route(request, context).catch((error: unknown) => {
      if (error instanceof DownlinkError) {
        if (error.code.endsWith('-unavailable') || error.code === 'hub-outcome-unknown') {
          const { code, cause } = error;
          context.warn(logLine('request.failed', { code, cause: cause && described(cause) }));
        }
        return problemResponse(error, requestId);
      }
      context.error(logLine('request.crashed', { error: described(error, 'stack') }));
      return problemResponse(
        new DownlinkError('internal', `Report the id ${requestId} to whoever runs this service.`),
        requestId,
      );
    });
    const traceParent = traceParentOf(request);
    return {
      ...response,
      headers: {
        ...response.headers,
        'x-request-id': requestId,
        ...(traceParent !== undefined && { traceparent: traceParent }),
      },
    };
  };
}

/** Text only: what a foreign error carries beside it may be the whole request, payload and token included. */
function described(error: unknown, part: 'message' | 'stack' = 'message'): string {
  if (!(error instanceof Error)) return typeof error;
  return part === 'stack' ? (error.stack ?? error.name) : `${error.name}: ${error.message}`;
}
