import type { HubError } from '../state/hub-error.ts';
import { queryError } from './query-error.ts';
import { tokensOf, type Token } from './tokens.ts';

/** Goes through the tokens of a query one by one. */
export class TokenReader {
  readonly #query: string;
  readonly #tokens: readonly Token[];
  #place = 0;

  /** Throws `argumentInvalid`. */
  constructor(query: string) {
    this.#query = query;
    this.#tokens = tokensOf(query);
  }

  get current(): Token {
    const token = this.#tokens[this.#place];
    if (token) return token;
    throw new Error('The end of the query was read');
  }

  advance(): Token {
    const token = this.current;
    this.#place++;
    return token;
  }

  /** The keyword or symbol that is next, among these; it is passed. */
  takeAny<T extends string>(texts: readonly T[]): T | undefined {
    const { current } = this;
    const found = texts.find((text) => is(current, text));
    if (found !== undefined) this.#place++;
    return found;
  }

  take(text: string): boolean {
    return this.takeAny([text]) !== undefined;
  }

  /** Throws `argumentInvalid`, as do those below. */
  expect(text: string): void {
    if (!this.take(text)) throw this.expected(text);
  }

  expectName(what: string): string {
    const { current } = this;
    if (current.kind !== 'name') throw this.expected(what);
    this.#place++;
    return current.name;
  }

  expectEnd(): void {
    if (this.current.kind !== 'end') throw this.expected('the end');
  }

  expected(what: string): HubError {
    const { text, kind } = this.current;
    return this.error(`${what} is expected, not ${kind === 'end' ? 'the end' : text.slice(0, 40)}`);
  }

  error(what: string, { position } = this.current): HubError {
    return queryError(this.#query, position, what);
  }
}

function is(token: Token, text: string): boolean {
  if (token.kind === 'symbol') return token.text === text;
  return token.kind === 'name' && !token.isQuoted && token.text.toUpperCase() === text;
}
