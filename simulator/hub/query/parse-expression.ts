import { FUNCTIONS, type BinaryOperator, type Expression, type FunctionName } from './syntax.ts';
import type { TokenReader } from './token-reader.ts';

/** From the loosest to the tightest; NOT stands between AND and the comparisons. */
const COMPARISONS = ['=', '!=', '<>', '<=', '>=', '<', '>', 'IN', 'NIN'] as const;
const SUMS = ['+', '-'] as const;
const PRODUCTS = ['*', '/', '%'] as const;
/** Our own: no query that makes sense comes near. */
const MAX_DEPTH = 100;

const CONSTANTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['TRUE', true],
  ['FALSE', false],
  ['NULL', null],
  ['UNDEFINED', undefined],
]);

/** `inDocument` tells where in a document the names of a query lead. Throws `argumentInvalid`. */
export function parseExpression(
  reader: TokenReader,
  inDocument: (names: readonly string[]) => readonly string[],
  depth = 0,
): Expression {
  if (depth > MAX_DEPTH) throw reader.error(`nothing nests deeper than ${MAX_DEPTH} levels`);
  return chain(['OR'], () => chain(['AND'], negation));

  function negation(): Expression {
    let count = 0;
    while (reader.take('NOT')) count++;
    const operand = comparison();
    return count % 2 === 0 ? operand : { kind: 'not', operand };
  }

  function comparison(): Expression {
    const left = sum();
    const operator = reader.takeAny(COMPARISONS);
    if (operator === undefined) return left;
    return binary(operator === '<>' ? '!=' : operator, left, sum());
  }

  function sum(): Expression {
    return chain(SUMS, () => chain(PRODUCTS, signed));
  }

  function signed(): Expression {
    let count = 0;
    while (reader.take('-')) count++;
    const operand = primary();
    return count % 2 === 0 ? operand : { kind: 'negative', operand };
  }

  function primary(): Expression {
    if (reader.take('(')) {
      const inner = parseExpression(reader, inDocument, depth + 1);
      reader.expect(')');
      return inner;
    }
    if (reader.take('[')) return { kind: 'array', items: listUntil(']') };
    const token = reader.current;
    if (token.kind === 'constant') {
      reader.advance();
      return { kind: 'constant', value: token.value };
    }
    if (token.kind !== 'name') throw reader.expected('a value');
    const upper = token.name.toUpperCase();
    if (!token.isQuoted && CONSTANTS.has(upper)) {
      reader.advance();
      return { kind: 'constant', value: CONSTANTS.get(upper) };
    }
    const names = parsePath(reader);
    return reader.take('(')
      ? call(names.join('.'), token)
      : { kind: 'path', names: inDocument(names) };
  }

  function call(written: string, token: TokenReader['current']): Expression {
    const name = FUNCTION_NAMES.find((known) => known === written.toUpperCase());
    if (name === undefined) {
      const known = FUNCTION_NAMES.join(' and ');
      throw reader.error(`the functions of twins are ${known}, not ${written}`, token);
    }
    const args = listUntil(')');
    if (args.length !== FUNCTIONS[name])
      throw reader.error(`${name} takes ${FUNCTIONS[name]}, not ${args.length} values`, token);
    return { kind: 'call', name, args };
  }

  function listUntil(end: ')' | ']'): Expression[] {
    const items: Expression[] = [];
    if (reader.take(end)) return items;
    do items.push(parseExpression(reader, inDocument, depth + 1));
    while (reader.take(','));
    reader.expect(end);
    return items;
  }

  function chain(operators: readonly BinaryOperator[], tighter: () => Expression): Expression {
    let left = tighter();
    for (;;) {
      const operator = reader.takeAny(operators);
      if (operator === undefined) return left;
      left = binary(operator, left, tighter());
    }
  }
}

/** Names with dots between them; a name that is no word is written as `[[name]]`. */
export function parsePath(reader: TokenReader): string[] {
  const names = [reader.expectName('a name')];
  while (reader.take('.')) names.push(reader.expectName('a name'));
  return names;
}

// oxlint-disable-next-line no-unsafe-type-assertion -- the keys of a constant are those of its type
const FUNCTION_NAMES = Object.keys(FUNCTIONS) as FunctionName[];

function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right };
}
