import type { HttpHandler } from '@azure/functions';
import { DownlinkError } from '../errors.ts';
import { problemResponse } from './problem.ts';
import type { Route } from './route.ts';

/** The one catch of all routes: our errors become problem documents, all others a 500 that tells nothing but its id. */
export function withProblems(route: Route): HttpHandler {
  return async (request, context) => {
    const requestId = context.invocationId;
    const response = await route(request, context).catch((error: unknown) => {
      if (error instanceof DownlinkError) {
        const log = error.code === 'internal' || error.code.endsWith('-unavailable');
        if (log) context.warn('request.failed', { code: error.code, cause: nameOf(error.cause) });
        return problemResponse(error, requestId);
      }
      context.error('request.crashed', error);
      return problemResponse(
        new DownlinkError('internal', `Report the id ${requestId} to whoever runs this service.`),
        requestId,
      );
    });
    return { ...response, headers: { ...response.headers, 'x-request-id': requestId } };
  };
}

/** Never the whole of a foreign error: its text may quote what was sent. */
function nameOf(cause: unknown): string | undefined {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : undefined;
}
