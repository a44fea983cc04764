import { describe, expect, test } from '@jest/globals';
import { decodePath } from '../../../../simulator/host/http/decode-path.ts';
import { matchRoute } from '../../../../simulator/host/http/match-route.ts';
import { parseRoute } from '../../../../simulator/host/http/parse-route.ts';

function match(template: string, path: string) {
  return matchRoute(parseRoute(template), decodePath(path));
}

describe('a route template', () => {
  test.each<[template: string, path: string, values: Record<string, string> | undefined]>([
    ['', '/', {}],
    ['', '/a', undefined],
    ['a/b', '/a/b', {}],
    ['a/b', '/a/b/', {}],
    ['a/b', '/a/b//', undefined],
    ['a/b', '/a', undefined],
    ['{id}', '/', undefined],
    ['a/{id}/b', '/a//b', undefined],
    ['a/{id?}', '/a', {}],
    ['a/{id?}', '/a/1', { id: '1' }],
    ['a/{id?}', '/a/1/2', undefined],
    ['a/{x=1}/{y=2}', '/a', { x: '1', y: '2' }],
    ['a/{x=1}/{y=2}', '/a/3', { x: '3', y: '2' }],
    ['a/{n:int=5}', '/a/x', undefined],
    ['a/{*rest}', '/a', {}],
    ['a/{*rest}', '/a/b/c/', { rest: 'b/c/' }],
    ['a/{**rest}', '/a/b//c', { rest: 'b//c' }],
    ['a/{*rest=all}', '/a/', { rest: 'all' }],
    ['{*rest:alpha}', '/a/b', undefined],
    ['{a}-{b}', '/1-2-3', { a: '1-2', b: '3' }],
    ['{a}-{b}', '/-2', undefined],
    ['v{major:int}.{minor:int}', '/V1.2', { major: '1', minor: '2' }],
    ['v{major:int}.{minor:int}', '/v1.x', undefined],
    ['a{{b}}/{id}', '/A{B}/1', { id: '1' }],
    ['a.b', '/axb', undefined],
    ['{proto}', '/__proto__', { proto: '__proto__' }],
  ])('%j takes %j for %j', (template, path, values) => {
    expect(match(template, path)).toEqual(values);
  });

  test.each<[constraint: string, taken: string[], refused: string[]]>([
    ['int', ['0', '-5', '+7', '2147483647', '-2147483648'], ['2147483648', '1.0', 'x', '0x1', '١']],
    ['long', ['9223372036854775807'], ['9223372036854775808']],
    ['bool', ['true', 'FALSE'], ['1', 'yes']],
    [
      'guid',
      [
        '0123456789abcdef0123456789ABCDEF',
        '01234567-89ab-cdef-0123-456789abcdef',
        '{01234567-89ab-cdef-0123-456789abcdef}',
      ],
      ['0123456789abcdef0123456789abcde', '{01234567-89ab-cdef-0123-456789abcdef'],
    ],
    ['alpha', ['abcXYZ'], ['a1', 'ü']],
    ['length(2)', ['ab'], ['a', 'abc']],
    ['length(2,3)', ['ab', 'abc'], ['a', 'abcd']],
    ['minlength(2)', ['ab'], ['a']],
    ['maxlength(2)', ['ab'], ['abc']],
    ['min(-1)', ['-1', '5'], ['-2', 'x']],
    ['max(3)', ['3'], ['4']],
    ['range(1, 3)', ['1', '3'], ['0', '4', '2.5']],
    ['int:min(1):max(9)', ['5'], ['0', '10']],
    ['Required', ['x'], []],
  ])('with the constraint %s tells values apart', (constraint, taken, refused) => {
    const takes = (value: string) =>
      match(`{id:${constraint}}`, `/${encodeURIComponent(value)}`) !== undefined;

    expect(taken.filter((value) => !takes(value))).toEqual([]);
    expect(refused.filter(takes)).toEqual([]);
  });

  test.each([
    ['/a', 'must not start with "/"'],
    ['~/a', 'must not start with'],
    ['a//b', 'an empty segment'],
    ['{id', 'its last "{" is not closed'],
    ['id}', 'its "}" at 3 has no counterpart'],
    ['{a{b}', 'its "{" at 3 has no counterpart'],
    ['{}', '"{}" has no proper name'],
    ['{id}/{ID}', '"ID" stands in it twice'],
    ['{a}{b}', 'nothing parts "a" from "b"'],
    ['{*rest}/a', '"*rest" can only be its last segment'],
    ['{*rest?}', 'optional in more than one way'],
    ['{id?=5}', 'optional in more than one way'],
    ['{a}.{b?}', '"b" is optional, which is not imitated'],
    ['{id:regex(^\\d{{3}}$)}', 'the route constraint "regex(^\\d{3}$)" is not imitated'],
    ['{id:datetime}', 'the route constraint "datetime" is not imitated'],
    ['{id:constructor}', 'the route constraint "constructor" is not imitated'],
    ['{id:length(x)}', 'the route constraint "length(x)" has the wrong arguments'],
    ['{id:int(5)}', 'the route constraint "int(5)" has the wrong arguments'],
    ['{id:range(1)}', 'the route constraint "range(1)" has the wrong arguments'],
  ])('%j is refused', (template, reason) => {
    expect(() => parseRoute(template)).toThrow(reason);
  });
});
