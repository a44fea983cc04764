import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../../../simulator/hub/faults/seeded-random.ts';
import { parseQuery } from '../../../../simulator/hub/query/parse-query.ts';
import { HubError } from '../../../../simulator/hub/state/hub-error.ts';

function faultOf(query: string): string {
  try {
    parseQuery(query);
  } catch (error) {
    if (error instanceof HubError && error.kind === 'argumentInvalid') return error.message;
    throw error;
  }
  return 'none';
}

describe('parseQuery', () => {
  test.each([
    ['', 'line 1, column 1: SELECT is expected, not the end'],
    ['SELECT', 'line 1, column 7: a name is expected, not the end'],
    ['SELECT * WHERE a = 1', 'line 1, column 10: FROM is expected, not WHERE'],
    ['SELECT *\nFROM  fleet', 'line 2, column 7: the simulated hub has the collections'],
    ['SELECT * FROM devices.jobs', 'line 1, column 15: the simulated hub has the collections'],
    ['SELECT * FROM devices d', 'line 1, column 23: the end is expected, not d'],
    ['SELECT * FROM devices WHERE', 'line 1, column 28: a value is expected, not the end'],
    ['SELECT * FROM devices WHERE a = ', 'column 33: a value is expected, not the end'],
    ['SELECT * FROM devices WHERE a == 1', 'column 32: a value is expected, not ='],
    ['SELECT * FROM devices WHERE a = 1 = 1', 'column 35: the end is expected, not ='],
    ["SELECT * FROM devices WHERE a = 'x", 'column 33: nothing begins with "\'"'],
    ["SELECT * FROM devices WHERE a = 'x\\n'", 'column 33: \\n is none of'],
    ['SELECT * FROM devices WHERE (a = 1', 'column 35: ) is expected, not the end'],
    ['SELECT * FROM devices WHERE a IN [1, 2', 'column 39: ] is expected, not the end'],
    ['SELECT * FROM devices WHERE a LIKE 1', 'column 31: the end is expected, not LIKE'],
    ['SELECT * FROM devices WHERE tags.', 'column 34: a name is expected, not the end'],
    ['SELECT * FROM devices WHERE tags.1', 'column 33: the end is expected, not .1'],
    ['SELECT * FROM devices; DROP', 'column 22: nothing begins with ";"'],
    ['SELECT * FROM devices WHERE STARTS_WITH(a, 1)', 'column 29: the functions of twins are'],
    ['SELECT * FROM devices WHERE is_defined()', 'column 29: IS_DEFINED takes 1, not 0 values'],
    ['SELECT TOP 0 * FROM devices', 'column 12: a whole number above 0 is expected, not 0'],
    ['SELECT LENGTH(a) FROM devices', 'column 8: what is selected is a property or one of COUNT'],
    ['SELECT COUNT(a) FROM devices', 'column 14: ) is expected, not a'],
    ['SELECT SUM() FROM devices', 'column 12: a name is expected, not )'],
    ['SELECT * FROM devices GROUP BY a', 'column 8: GROUP BY takes names and aggregates'],
    ['SELECT a, b, COUNT() FROM devices GROUP BY a', 'column 8: b is neither in GROUP BY nor'],
    ['SELECT a, COUNT() FROM devices', 'column 8: a is neither in GROUP BY nor'],
    [`SELECT * FROM devices WHERE ${'('.repeat(200)}`, 'nothing nests deeper than 100 levels'],
    [`SELECT * FROM devices WHERE a = '${'x'.repeat(8192)}'`, '8192 characters at most'],
  ])('says what is wrong with %j, and where', (query, fault) => {
    expect(faultOf(query)).toContain(fault);
  });

  test('takes 8192 characters of conditions', () => {
    const condition = `a=1${' OR a=1'.repeat(1165)}`;

    expect(faultOf(`SELECT * FROM devices WHERE ${condition}`)).toBe('none');
  });

  test('ends every mutation of a query in a query or in an answer for its author', () => {
    const query =
      'SELECT TOP 5 deviceId, tags.[[a b]].c AS x FROM devices WHERE NOT (a.b >= -1.5e3 + 0xF AND b IN [\'x\', "y\\u0041"]) OR is_defined(properties.reported.$version)';
    const random = seededRandom(7);
    const pieces = [
      '(',
      ')',
      '[[',
      ']]',
      "'",
      '"',
      '\\',
      '.',
      ',',
      '-',
      'NOT ',
      ' GROUP BY ',
      '\0',
      '💥',
    ];
    const faults = new Set<string>();
    for (let round = 0; round < 2000; round++) {
      let mutated = query;
      for (let change = 0; change <= round % 4; change++) {
        const at = Math.floor(random() * mutated.length);
        const piece = pieces[Math.floor(random() * pieces.length)] ?? '';
        const removed = Math.floor(random() * 6);
        mutated = mutated.slice(0, at) + piece + mutated.slice(at + removed);
      }
      faults.add(faultOf(mutated));
    }

    expect(faults.size).toBeGreaterThan(100);
  });
});
