import { randomUUID } from 'node:crypto';
import type { ErrorStyle, RouteAnswer } from './route.ts';

export interface WireError {
  readonly httpStatus: number;
  readonly code: number;
  readonly errorName: string;
  readonly message: string;
}

/** https://learn.microsoft.com/rest/api/iothub/common-error-codes lists the codes; the shapes are the service's own. */
export function errorAnswer(error: WireError, style: ErrorStyle, at: number): RouteAnswer {
  const headers = { 'iothub-errorcode': error.errorName };
  const trackingId = randomUUID().replaceAll('-', '').toUpperCase();
  const timestampUtc = new Date(at).toISOString();
  const device = { errorCode: error.code, trackingId, message: error.message, timestampUtc };
  const bodies = {
    registry: {
      Message: `ErrorCode:${error.errorName};${error.message}`,
      ExceptionMessage: `Tracking ID:${trackingId}-TimeStamp:${timestampUtc}`,
    },
    device: { Message: JSON.stringify(device), ExceptionMessage: '' },
    module: device,
  };
  return { status: error.httpStatus, headers, body: JSON.stringify(bodies[style]) };
}
