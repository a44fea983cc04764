import { describe, expect, test } from '@jest/globals';
import { integer, objectIdentifier, octetString, time } from '../../../../simulator/hub/tls/der.ts';

const hex = (der: Buffer): string => der.toString('hex');

describe('DER', () => {
  test.each([
    ['00', '020100'],
    ['0000', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0080', '02020080'],
    ['00ff01', '020300ff01'],
  ])('writes the positive integer %s as short as can be: %s', (value, expected) => {
    expect(hex(integer(Buffer.from(value, 'hex')))).toBe(expected);
  });

  test.each([
    ['2.5.29.17', '0603551d11'],
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['1.3.6.1.5.5.7.3.1', '06082b06010505070301'],
  ])('writes the object identifier %s', (dotted, expected) => {
    expect(hex(objectIdentifier(dotted))).toBe(expected);
  });

  test.each([
    [0x7f, '047f'],
    [0x80, '048180'],
    [0xff, '0481ff'],
    [0x100, '04820100'],
    [0x12345, '0483012345'],
  ])('writes the length of %i bytes', (length, expected) => {
    expect(hex(octetString(Buffer.alloc(length)).subarray(0, -length))).toBe(expected);
  });

  test('writes times with two digits for the year before 2050, and four from then on', () => {
    expect(
      time(Date.UTC(2049, 11, 31, 23, 59, 59))
        .subarray(2)
        .toString(),
    ).toBe('491231235959Z');
    expect(
      time(Date.UTC(2050, 0, 1))
        .subarray(2)
        .toString(),
    ).toBe('20500101000000Z');
  });
});
