import { describe, expect, test } from '@jest/globals';
import { readLimits } from '../../../simulator/cli/hub-limits.ts';

describe('--sku and --units', () => {
  test.each([
    [{}, undefined],
    [{ sku: 'S1' }, { sku: 'S1', units: 1 }],
    [
      { sku: 's3', units: '10' },
      { sku: 'S3', units: 10 },
    ],
  ])('%j are %j', (values, limits) => {
    expect(readLimits(values)).toEqual(limits);
  });

  test.each([
    [{ units: '2' }, '--units needs --sku'],
    [{ sku: 'S9' }, 'must be one of F1, B1, B2, B3, S1, S2, S3'],
    [{ sku: 'F1', units: '2' }, '1 to 1 units, not 2'],
    [{ sku: 'S1', units: 'many' }, 'not NaN'],
  ])('%j are refused', (values, told) => {
    expect(() => readLimits(values)).toThrow(told);
  });
});
