import { queryError } from './query-error.ts';

interface TokenBase {
  /** As it was written. */
  readonly text: string;
  readonly position: number;
}

export type Token = TokenBase &
  (
    | { readonly kind: 'symbol' | 'end' }
    /** Quoted with [[ ]], it is no keyword. */
    | { readonly kind: 'name'; readonly name: string; readonly isQuoted: boolean }
    | { readonly kind: 'constant'; readonly value: string | number }
  );

const SPACE = /\s+/y;
const NAME = /[A-Za-z_$][\w$]*/y;
const QUOTED_NAME = /\[\[([^\]]+)\]\]/y;
const NUMBER = /0[xX][\dA-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy;
const SYMBOL = /<=|>=|<>|!=|[=<>+\-*/%()[\],.]/y;
const ESCAPE = /\\(u[\dA-Fa-f]{4}|.)/gs;

/** Throws `argumentInvalid`. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language */
export function tokensOf(query: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;

  function take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = position;
    return pattern.exec(query) ?? undefined;
  }

  for (;;) {
    position += take(SPACE)?.[0].length ?? 0;
    if (position === query.length) return [...tokens, { kind: 'end', text: '', position }];
    const token = next();
    tokens.push(token);
    position += token.text.length;
  }

  function next(): Token {
    // Elsewhere it begins an array of arrays.
    const quoted = tokens.at(-1)?.text === '.' ? take(QUOTED_NAME) : undefined;
    if (quoted) return nameToken(quoted[0], quoted[1] ?? '', true);
    const name = take(NAME)?.[0];
    if (name !== undefined) return nameToken(name, name, false);
    const number = take(NUMBER)?.[0];
    if (number !== undefined)
      return { kind: 'constant', value: Number(number), text: number, position };
    const string = take(STRING)?.[0];
    if (string !== undefined)
      return { kind: 'constant', value: unescape(string), text: string, position };
    const symbol = take(SYMBOL)?.[0];
    if (symbol !== undefined) return { kind: 'symbol', text: symbol, position };
    throw queryError(query, position, `nothing begins with ${JSON.stringify(query[position])}`);
  }

  function nameToken(text: string, name: string, isQuoted: boolean): Token {
    return { kind: 'name', text, name, isQuoted, position };
  }

  function unescape(string: string): string {
    return string.slice(1, -1).replaceAll(ESCAPE, (escape, what: string) => {
      if (what === "'" || what === '"' || what === '\\') return what;
      if (what.length > 1) return String.fromCharCode(Number.parseInt(what.slice(1), 16));
      throw queryError(query, position, `${escape} is none of \\', \\", \\\\ and \\uXXXX`);
    });
  }
}
