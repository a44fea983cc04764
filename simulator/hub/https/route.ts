import type { IncomingHttpHeaders } from 'node:http';
import type { DataAction } from '../auth/data-actions.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import { HubError } from '../state/hub-error.ts';
import { identityKey } from '../state/identity-key.ts';
import type { HubState } from '../state/hub-state.ts';

export interface RouteRequest {
  readonly state: HubState;
  readonly faults: FaultPlan;
  /** The parts of the path in braces, decoded. */
  readonly params: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Aborted when the caller's connection is gone. */
  readonly signal: AbortSignal;
}

export interface RouteAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text, unless the headers name another type. */
  readonly body?: string | Buffer;
}

/** The service words errors in three ways, depending on which of its parts answers. */
export type ErrorStyle = 'registry' | 'device' | 'module';

export interface Route {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** Such as `/devices/{deviceId}`; upper and lower case are the same outside the braces. */
  readonly path: string;
  /** `deviceConnect` is for the device `{deviceId}` of the path, with its own keys too; all others are back ends'. */
  readonly right: 'deviceConnect' | DataAction | readonly DataAction[];
  readonly errors: ErrorStyle;
  readonly maxBodyBytes: number;
  readonly handle: (request: RouteRequest) => RouteAnswer | Promise<RouteAnswer>;
}

/** What of a route is needed to find it. */
type Findable = { readonly method: string; readonly path: string };

export interface RouteMatch<R extends Findable = Route> {
  readonly route: R;
  readonly params: ReadonlyMap<string, string>;
}

/** Throws `notFound`, `methodNotAllowed`, `argumentInvalid`, `deviceNotFound`. */
export function findRoute<R extends Findable>(
  routes: readonly R[],
  method: string | undefined,
  segments: readonly string[],
): RouteMatch<R> {
  const matches = routes.flatMap((route) => {
    const params = match(route.path, segments);
    return params ? [{ route, params }] : [];
  });
  const found = matches.find(({ route }) => route.method === method);
  if (found) {
    checkIdentity(found);
    return found;
  }
  if (matches.length === 0)
    throw new HubError('notFound', `The simulated hub has no route /${segments.join('/')}`);
  const allowed = matches.map(({ route }) => route.method).join(', ');
  throw new HubError('methodNotAllowed', `Only ${allowed} is allowed here`);
}

/** To the hub `device/module` is a module: no path may pass it off as a device. */
function checkIdentity({ route, params }: RouteMatch<Findable>): void {
  for (const name of ['deviceId', 'moduleId']) {
    const id = params.get(name);
    if (!id?.includes('/')) continue;
    const kind = route.method === 'PUT' ? 'argumentInvalid' : 'deviceNotFound';
    throw new HubError(kind, `No ${name} holds a slash, as '${id.slice(0, 140)}' does`);
  }
}

/** The decoded segments of a path; throws `argumentInvalid`. */
export function pathSegments(pathname: string): string[] {
  try {
    return pathname
      .replace(/^\/|\/$/g, '')
      .split('/')
      .map(decodeURIComponent);
  } catch {
    throw new HubError('argumentInvalid', 'The path is not percent-encoded as it should be');
  }
}

export function param(request: Pick<RouteRequest, 'params'>, name: string): string {
  const value = request.params.get(name);
  if (value === undefined) throw new Error(`The route has no part {${name}}`);
  return value;
}

/** Of the device in the path, or of its module if the path names one. */
export function identityKeyIn(request: Pick<RouteRequest, 'params'>): string {
  const moduleId = request.params.get('moduleId');
  return identityKey({
    deviceId: param(request, 'deviceId'),
    ...(moduleId !== undefined && { moduleId }),
  });
}

/** Throws `preconditionFailed`: the service deletes nothing without being told which version. */
export function requiredIfMatch({ headers }: Pick<RouteRequest, 'headers'>): string {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) return ifMatch;
  throw new HubError('preconditionFailed', 'The header If-Match is missing: * is for any version');
}

export function json(
  status: number,
  value: unknown,
  headers?: Record<string, string>,
): RouteAnswer {
  return { status, body: JSON.stringify(value), ...(headers && { headers }) };
}

export const NO_CONTENT: RouteAnswer = { status: 204 };

function match(path: string, segments: readonly string[]): Map<string, string> | undefined {
  const pattern = path.slice(1).split('/');
  if (pattern.length !== segments.length) return undefined;
  const params = new Map<string, string>();
  for (const [place, part] of pattern.entries()) {
    const segment = segments[place] ?? '';
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    if (name === undefined) {
      if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
    } else {
      if (segment === '') return undefined;
      params.set(name, segment);
    }
  }
  return params;
}
