import { HostError } from '../host-error.ts';

/** Whether a route parameter's decoded value will do. */
export type RouteConstraint = (value: string) => boolean;

type Factory = (parameters: number[]) => RouteConstraint;

interface Rule {
  parameters: readonly number[];
  create: Factory;
}

const INTEGER = /^\s*[+-]?\d+\s*$/;
const HEX = '[0-9a-f]';
const GUID_WITH_HYPHENS = `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`;
// .NET's formats N, D, B and P of a GUID; its format X, nested braces, is left out.
const GUID = new RegExp(
  `^\\s*(?:${HEX}{32}|${GUID_WITH_HYPHENS}|\\{${GUID_WITH_HYPHENS}\\}|\\(${GUID_WITH_HYPHENS}\\))\\s*$`,
  'i',
);

/** ASP.NET's inline constraints, as far as they are imitated, and how many arguments each takes. */
const RULES: Record<string, Rule> = {
  int: { parameters: [0], create: () => integerOfBits(32n) },
  long: { parameters: [0], create: () => integerOfBits(64n) },
  bool: { parameters: [0], create: () => (value) => /^\s*(?:true|false)\s*$/i.test(value) },
  guid: { parameters: [0], create: () => (value) => GUID.test(value) },
  alpha: { parameters: [0], create: () => (value) => /^[a-z]*$/i.test(value) },
  required: { parameters: [0], create: () => (value) => value !== '' },
  minlength: {
    parameters: [1],
    create:
      ([least = 0]) =>
      (value) =>
        value.length >= least,
  },
  maxlength: {
    parameters: [1],
    create:
      ([most = 0]) =>
      (value) =>
        value.length <= most,
  },
  length: {
    parameters: [1, 2],
    create:
      ([least = 0, most = least]) =>
      (value) =>
        value.length >= least && value.length <= most,
  },
  min: { parameters: [1], create: ([least = 0]) => integerWithin(least, Infinity) },
  max: { parameters: [1], create: ([most = 0]) => integerWithin(-Infinity, most) },
  range: { parameters: [2], create: ([least = 0, most = 0]) => integerWithin(least, most) },
};

const CONSTRAINT = /^(\w+)(?:\((.*)\))?$/;

/** From `length(1,5)`. Throws a HostError for what is not imitated. */
export function parseRouteConstraint(text: string): RouteConstraint {
  const [, name = text, list] = CONSTRAINT.exec(text) ?? [];
  const rule = Object.hasOwn(RULES, name.toLowerCase()) ? RULES[name.toLowerCase()] : undefined;
  if (rule === undefined) {
    const known = Object.keys(RULES).join(', ');
    throw new HostError(`the route constraint "${text}" is not imitated (there are ${known})`);
  }
  const parameters = list === undefined ? [] : list.split(',');
  if (!rule.parameters.includes(parameters.length) || !parameters.every(isNumber)) {
    throw new HostError(`the route constraint "${text}" has the wrong arguments`);
  }
  return rule.create(parameters.map(Number));
}

function isNumber(text: string): boolean {
  return INTEGER.test(text) && Number.isSafeInteger(Number(text));
}

function integerOfBits(bits: bigint): RouteConstraint {
  const limit = 2n ** (bits - 1n);
  return (value) => {
    if (!INTEGER.test(value)) return false;
    const number = BigInt(value.trim().replace(/^\+/, ''));
    return number >= -limit && number < limit;
  };
}

function integerWithin(least: number, most: number): RouteConstraint {
  const isLong = integerOfBits(64n);
  return (value) => isLong(value) && Number(value) >= least && Number(value) <= most;
}
