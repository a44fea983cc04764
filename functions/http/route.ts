import type { HttpRequest, InvocationContext } from '@azure/functions';

export interface RouteResponse {
  /** 200 unless told. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly jsonBody?: unknown;
  readonly body?: string;
}

/** What every file of a route makes: a handler that answers or throws a DownlinkError. */
export type Route = (request: HttpRequest, context: InvocationContext) => Promise<RouteResponse>;
