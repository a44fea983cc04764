import type { RouteParameter, RouteSegment } from './parse-route.ts';

export type RouteValues = Record<string, string>;

/** The parameters' values if the segments of a path, decoded, fit the route; else undefined. */
export function matchRoute(
  route: readonly RouteSegment[],
  path: readonly string[],
): RouteValues | undefined {
  // One slash at the end makes no difference, except to what catches all.
  const segments = path.at(-1) === '' ? path.slice(0, -1) : path;
  const values: RouteValues = {};
  for (const [index, segment] of route.entries()) {
    const parameter = soleParameter(segment);
    if (parameter?.isCatchAll) {
      const rest = path.slice(index).join('/') || parameter.defaultValue;
      return rest === undefined || take(values, parameter, rest) ? values : undefined;
    }
    const value = segments[index];
    if (value === undefined) {
      if (parameter === undefined) return undefined;
      if (parameter.defaultValue !== undefined) values[parameter.name] = parameter.defaultValue;
      else if (!parameter.isOptional) return undefined;
    } else if (!matchSegment(values, segment, value)) {
      return undefined;
    }
  }
  return segments.length > route.length ? undefined : values;
}

/** ASP.NET's precedence: compared segment by segment, the lower goes first. */
export function routePrecedence(route: readonly RouteSegment[]): number[] {
  return route.map((segment) => {
    if (segment.parts.length > 1) return 2;
    const parameter = soleParameter(segment);
    if (parameter === undefined) return 1;
    return (parameter.isCatchAll ? 5 : 3) - (parameter.constraints.length > 0 ? 1 : 0);
  });
}

function soleParameter({ parts }: RouteSegment): RouteParameter | undefined {
  const [part] = parts;
  return parts.length === 1 && part && 'parameter' in part ? part.parameter : undefined;
}

function matchSegment(values: RouteValues, segment: RouteSegment, value: string): boolean {
  const texts = segment.pattern.exec(value)?.slice(1);
  if (texts === undefined) return false;
  const parameters = segment.parts.flatMap((part) => ('parameter' in part ? part.parameter : []));
  return parameters.every((parameter, index) => take(values, parameter, texts[index] ?? ''));
}

function take(values: RouteValues, { name, constraints }: RouteParameter, value: string): boolean {
  if (!constraints.every((accepts) => accepts(value))) return false;
  values[name] = value;
  return true;
}
