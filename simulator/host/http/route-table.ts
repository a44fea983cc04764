import type { HttpTrigger } from './http-trigger.ts';
import { matchRoute, routePrecedence, type RouteValues } from './match-route.ts';

export interface Routed<T> {
  readonly target: T;
  readonly values: RouteValues;
}

/** Which function a request is for. The method counts as part of the route, as in the real host. */
export class RouteTable<T extends { readonly trigger: HttpTrigger }> {
  readonly #targets: readonly T[];

  constructor(targets: readonly T[]) {
    this.#targets = targets.toSorted((a, b) =>
      comparePrecedence(routePrecedence(a.trigger.segments), routePrecedence(b.trigger.segments)),
    );
  }

  find(method: string, path: readonly string[]): Routed<T> | undefined {
    for (const target of this.#targets) {
      const { methods, segments } = target.trigger;
      if (methods.length > 0 && !methods.includes(method)) continue;
      const values = matchRoute(segments, path);
      if (values !== undefined) return { target, values };
    }
    return undefined;
  }
}

function comparePrecedence(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
