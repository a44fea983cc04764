import type { HttpRequest } from '@azure/functions';
import { DownlinkError } from '../errors.ts';
import type { Route } from './route.ts';

/** What a caller may do, as an app role of Entra. */
export type AppRole = 'Downlink.Read' | 'Downlink.Send' | 'Downlink.Invoke';

/** Throws `unauthorized` or `forbidden`. */
export type CheckRole = (request: HttpRequest, role: AppRole) => void;

/** With function keys the host has turned away who has none; a key grants everything. */
export const holdersOfAKey: CheckRole = () => undefined;

const PRINCIPAL_HEADER = 'x-ms-client-principal';

/**
 * By the principal that App Service authentication puts into a header, in place of whatever a caller put there.
 * For apps alone on which it is on: elsewhere anybody could write the header.
 */
export const holdersOfARole: CheckRole = (request, role) => {
  const roles = rolesOf(request.headers.get(PRINCIPAL_HEADER));
  if (!roles)
    throw new DownlinkError('unauthorized', 'Call with a token of Entra ID for this application.');
  if (!roles.has(role))
    throw new DownlinkError('forbidden', `This takes the app role ${role}, which the token lacks.`);
};

export function withRole(route: Route, check: CheckRole, role: AppRole): Route {
  return async (request, context) => {
    check(request, role);
    return route(request, context);
  };
}

interface Principal {
  readonly auth_typ?: unknown;
  readonly role_typ?: unknown;
  readonly claims?: unknown;
}

/** Undefined if it names nobody that Entra vouches for. */
function rolesOf(header: string | null): Set<unknown> | undefined {
  const principal = parse(header ?? '');
  if (principal?.auth_typ !== 'aad' || !Array.isArray(principal.claims)) return undefined;
  const roleTypes = new Set<unknown>(['roles', principal.role_typ ?? 'roles']);
  const claims: readonly unknown[] = principal.claims;
  return new Set(
    claims.filter(isClaim).flatMap(({ typ, val }) => (roleTypes.has(typ) ? [val] : [])),
  );
}

function isClaim(value: unknown): value is { typ?: unknown; val?: unknown } {
  return typeof value === 'object' && value !== null;
}

function parse(header: string): Principal | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64').toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
