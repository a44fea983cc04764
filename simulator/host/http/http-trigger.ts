import { z } from 'zod';
import { HostError } from '../host-error.ts';
import { parseRoute, type RouteSegment } from './parse-route.ts';

export type AuthLevel = 'anonymous' | 'function' | 'admin';

export interface HttpTrigger {
  readonly type: 'http';
  readonly bindingName: string;
  /** With the app's prefix. */
  readonly route: string;
  readonly segments: readonly RouteSegment[];
  readonly methods: readonly string[];
  readonly authLevel: AuthLevel;
}

const schema = z.object({
  route: z.string().optional(),
  methods: z.array(z.string().toUpperCase()).default([]),
  authLevel: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['anonymous', 'function', 'admin']))
    .default('function'),
});

// The real host keeps them for itself.
const RESERVED = /^(admin|runtime)(?:\/|$)/i;

export function readHttpTrigger(
  bindingName: string,
  binding: unknown,
  { functionName, routePrefix }: { functionName: string; routePrefix: string },
): HttpTrigger {
  const { route: ownRoute = functionName, methods, authLevel } = schema.parse(binding);
  const own = parseRoute(ownRoute);
  const prefix = parseRoute(routePrefix);
  const segments = [...prefix, ...own];
  const route = [routePrefix, ownRoute].filter((part) => part !== '').join('/');
  const reserved = RESERVED.exec(route)?.[1];
  if (reserved !== undefined) {
    throw new HostError(`the route "${route}" begins with "${reserved}", which is Azure's own`);
  }
  return { type: 'http', bindingName, route, segments, methods, authLevel };
}
