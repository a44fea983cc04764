import { beforeAll, describe, expect, test } from '@jest/globals';
import { conformanceSection, unexplained, type SdkReport } from './conformance-section.ts';
import { documentedSection, formatted } from './documented-section.ts';
import { runLanguage } from './run-language.ts';

describe('The official SDKs for Node, unmodified', () => {
  let reports: SdkReport[];
  beforeAll(async () => {
    reports = await runLanguage('node');
  });

  test('can do all that is not a known difference', () => {
    expect(unexplained(reports)).toEqual([]);
  });

  test('can do what the manual says', async () => {
    expect(await documentedSection('node')).toBe(await formatted(conformanceSection(reports)));
  });
});
