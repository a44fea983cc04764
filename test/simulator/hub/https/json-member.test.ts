import { describe, expect, test } from '@jest/globals';
import { jsonMember } from '../../../../simulator/hub/https/json-member.ts';

describe('jsonMember', () => {
  test.each([
    ['null', 'null'],
    ['""', '""'],
    ['"foo"', '"foo"'],
    ['{}', '{}'],
    ['[ ]', '[ ]'],
    ['12345678901234567890', '12345678901234567890'],
    ['1.0e+2', '1.0e+2'],
    ['true', 'true'],
    ['{ "a" : [1,2, {"b":"}],"}] }', '{ "a" : [1,2, {"b":"}],"}] }'],
    [String.raw`"a\"},\\"`, String.raw`"a\"},\\"`],
    ['"\u2028ü"', '"\u2028ü"'],
  ])('gives %s as it stands, first, last or alone', (value, expected) => {
    expect(jsonMember(`{"payload":${value}}`, 'payload')).toBe(expected);
    expect(jsonMember(` { "a" : 1 , "payload" : ${value} } `, 'payload')).toBe(expected);
    expect(jsonMember(`{"payload"\n:\t${value}\r\n,"z":[{}]}`, 'payload')).toBe(expected);
  });

  test('gives nothing when there is none, or when it lies deeper', () => {
    expect(jsonMember('{}', 'payload')).toBeUndefined();
    expect(jsonMember('{ }', 'payload')).toBeUndefined();
    expect(jsonMember('{"a":{"payload":1},"b":"payload"}', 'payload')).toBeUndefined();
  });

  test('reads names that are written with escapes', () => {
    expect(jsonMember(String.raw`{"pay\u006coad":7}`, 'payload')).toBe('7');
  });

  test('gives the last of several, as JSON.parse does', () => {
    expect(jsonMember('{"payload":1,"payload":[2]}', 'payload')).toBe('[2]');
  });
});
