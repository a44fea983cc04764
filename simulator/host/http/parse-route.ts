import { HostError } from '../host-error.ts';
import { parseRouteConstraint, type RouteConstraint } from './route-constraint.ts';

export interface RouteParameter {
  readonly name: string;
  readonly constraints: readonly RouteConstraint[];
  readonly isOptional: boolean;
  readonly isCatchAll: boolean;
  readonly defaultValue: string | undefined;
}

type RoutePart = { readonly literal: string } | { readonly parameter: RouteParameter };

/** What stands between two slashes. */
export interface RouteSegment {
  readonly parts: readonly RoutePart[];
  /** Has a group for each parameter. */
  readonly pattern: RegExp;
}

const NAME = /^[^\s/{}?*:=]+$/;

/** From an ASP.NET route template such as `files/{name}.{type:alpha}/{*rest}`. Throws HostErrors. */
export function parseRoute(template: string): RouteSegment[] {
  if (/^[/~]/.test(template)) {
    throw new HostError(`the route "${template}" must not start with "/" or "~"`);
  }
  try {
    const segments = scan(template.endsWith('/') ? template.slice(0, -1) : template);
    check(segments);
    return segments.map((parts) => ({ parts, pattern: patternOf(parts) }));
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new HostError(`the route "${template}" cannot be used: ${error.message}`);
  }
}

/** Braces that are doubled stand for themselves. */
function scan(template: string): RoutePart[][] {
  const segments: RoutePart[][] = [[]];
  let text = '';
  let isParameter = false;
  const take = (): string => {
    const taken = text;
    text = '';
    return taken;
  };
  const endLiteral = (): void => {
    const literal = take();
    if (literal !== '') segments.at(-1)?.push({ literal });
  };

  for (let at = 0; at < template.length; at++) {
    const character = template.charAt(at);
    const isBrace = character === '{' || character === '}';
    if (isBrace && template.charAt(at + 1) === character) {
      text += character;
      at++;
    } else if (character === '{' && !isParameter) {
      endLiteral();
      isParameter = true;
    } else if (character === '}' && isParameter) {
      segments.at(-1)?.push({ parameter: parseParameter(take()) });
      isParameter = false;
    } else if (isBrace) {
      throw new HostError(`its "${character}" at ${String(at + 1)} has no counterpart`);
    } else if (character === '/' && !isParameter) {
      endLiteral();
      segments.push([]);
    } else {
      text += character;
    }
  }
  if (isParameter) throw new HostError('its last "{" is not closed');
  endLiteral();
  return template === '' ? [] : segments;
}

function parseParameter(text: string): RouteParameter {
  const [, stars = '', body = ''] = /^(\*{0,2})(.*)$/s.exec(text) ?? [];
  const [declaration = '', defaultValue] = splitOutsideParentheses(body, '=', 2);
  const isOptional = declaration.endsWith('?');
  const [name = '', ...constraints] = splitOutsideParentheses(
    isOptional ? declaration.slice(0, -1) : declaration,
    ':',
  );
  if (!NAME.test(name)) throw new HostError(`"{${text}}" has no proper name`);
  const isCatchAll = stars !== '';
  const hasDefault = defaultValue !== undefined;
  if (isOptional && (isCatchAll || hasDefault)) {
    throw new HostError(`"{${text}}" is optional in more than one way`);
  }
  return {
    name,
    constraints: constraints.map(parseRouteConstraint),
    isOptional,
    isCatchAll,
    defaultValue,
  };
}

function splitOutsideParentheses(text: string, separator: string, most = Infinity): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === separator && depth === 0 && parts.length < most) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

// As in ASP.NET the literals are looked for from the end, so the first parameter is the greediest.
function patternOf(parts: readonly RoutePart[]): RegExp {
  const groups = parts.map((part) => ('literal' in part ? escape(part.literal) : '(.+)'));
  return new RegExp(`^${groups.join('')}$`, 'is');
}

function escape(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function check(segments: readonly (readonly RoutePart[])[]): void {
  const names = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    if (segment.length === 0) throw new HostError('it has an empty segment');
    for (const [at, part] of segment.entries()) {
      if (!('parameter' in part)) continue;
      const { name, isCatchAll, isOptional, defaultValue } = part.parameter;
      if (names.has(name.toLowerCase())) throw new HostError(`"${name}" stands in it twice`);
      names.add(name.toLowerCase());
      const previous = segment[at - 1];
      if (previous !== undefined && 'parameter' in previous) {
        throw new HostError(`nothing parts "${previous.parameter.name}" from "${name}"`);
      }
      if (isCatchAll && (segment.length > 1 || index < segments.length - 1)) {
        throw new HostError(`"*${name}" can only be its last segment`);
      }
      if (segment.length > 1 && (isOptional || defaultValue !== undefined)) {
        throw new HostError(
          `"${name}" is optional, which is not imitated inside a segment of several parts`,
        );
      }
    }
  }
}
