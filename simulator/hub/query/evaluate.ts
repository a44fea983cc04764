import type { JsonObject } from '../state/merge-patch.ts';
import { isJsonObject } from '../state/merge-patch.ts';
import type { BinaryOperator, Expression, FunctionName } from './syntax.ts';

/** Undefined is what a document does not have, and whatever comes of it but for IS_DEFINED. */
export function evaluate(expression: Expression, document: JsonObject): unknown {
  const value = (inner: Expression): unknown => evaluate(inner, document);
  switch (expression.kind) {
    case 'path':
      return valueAt(document, expression.names);
    case 'constant':
      return expression.value;
    case 'array':
      return expression.items.map(value);
    case 'not': {
      const operand = value(expression.operand);
      return typeof operand === 'boolean' ? !operand : undefined;
    }
    case 'negative': {
      const operand = value(expression.operand);
      return typeof operand === 'number' ? -operand : undefined;
    }
    case 'call':
      return CALLS[expression.name](...expression.args.map(value));
    case 'binary':
      return combine(expression, value);
    default:
      return undefined;
  }
}

/** Upper and lower case are one in what every document has, and two in what users name. */
export function valueAt(document: JsonObject, [first, ...rest]: readonly string[]): unknown {
  const name = first === undefined ? undefined : nameIn(document, first);
  let value = name === undefined ? undefined : document[name];
  for (const below of rest) {
    if (!isJsonObject(value) || !Object.hasOwn(value, below)) return undefined;
    value = value[below];
  }
  return value;
}

/** As the document has it. */
export function nameIn(document: JsonObject, name: string): string | undefined {
  if (Object.hasOwn(document, name)) return name;
  const lower = name.toLowerCase();
  return Object.keys(document).find((known) => known.toLowerCase() === lower);
}

/** One side may decide whatever the other is. */
function connect(decisive: boolean, left: unknown, right: () => unknown): boolean | undefined {
  if (left === decisive) return decisive;
  const other = right();
  if (other === decisive) return decisive;
  return left === !decisive && other === !decisive ? !decisive : undefined;
}

const CALLS: Readonly<Record<FunctionName, (...args: readonly unknown[]) => unknown>> = {
  IS_DEFINED: (value) => value !== undefined,
  STARTSWITH: (text, prefix) =>
    typeof text === 'string' && typeof prefix === 'string' ? text.startsWith(prefix) : undefined,
};

const ARITHMETIC = new Map<BinaryOperator, (left: number, right: number) => number>([
  ['+', (left, right) => left + right],
  ['-', (left, right) => left - right],
  ['*', (left, right) => left * right],
  ['/', (left, right) => left / right],
  ['%', (left, right) => left % right],
]);

const COMPARISONS = new Map<BinaryOperator, (order: number) => boolean>([
  ['=', (order) => order === 0],
  ['!=', (order) => order !== 0],
  ['<', (order) => order < 0],
  ['<=', (order) => order <= 0],
  ['>', (order) => order > 0],
  ['>=', (order) => order >= 0],
]);

function combine(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  valueOf: (expression: Expression) => unknown,
): unknown {
  if (operator === 'AND' || operator === 'OR')
    return connect(operator === 'OR', valueOf(left), () => valueOf(right));
  const [one, other] = [valueOf(left), valueOf(right)];
  if (operator === 'IN' || operator === 'NIN') {
    if (one === undefined || !Array.isArray(other)) return undefined;
    return other.some((item) => orderOf(one, item) === 0) === (operator === 'IN');
  }
  const calculate = ARITHMETIC.get(operator);
  if (calculate) {
    if (typeof one !== 'number' || typeof other !== 'number') return undefined;
    const result = calculate(one, other);
    // JSON has no other numbers.
    return Number.isFinite(result) ? result : undefined;
  }
  const order = orderOf(one, other);
  return order === undefined ? undefined : COMPARISONS.get(operator)?.(order);
}

/** Only primitives of one type compare. */
function orderOf(left: unknown, right: unknown): number | undefined {
  if (left === null && right === null) return 0;
  if (typeof left === 'string' && typeof right === 'string')
    return left < right ? -1 : Number(left > right);
  const isNumeric = typeof left === 'number' || typeof left === 'boolean';
  return isNumeric && typeof left === typeof right ? Number(left) - Number(right) : undefined;
}
