import { DownlinkError } from '../errors.ts';
import type { Route } from './route.ts';

/** Answers the HTTP methods that a path of ours does not have. */
export function methodNotAllowedRoute(allowed: readonly string[]): Route {
  return async (request) => {
    throw new DownlinkError(
      'method-not-allowed',
      `${request.method} is not possible here; use ${allowed.join(' or ')}.`,
      { allow: allowed },
    );
  };
}
