import { beforeAll, describe, expect, test } from '@jest/globals';
import { conformanceSection, unexplained, type SdkReport } from './conformance-section.ts';
import { documentedSection, formatted } from './documented-section.ts';
import { prepare, type Language } from './languages.ts';
import { runLanguage } from './run-language.ts';

/** Shows that the manual tells the truth about a language, where the machine has that language. */
export function conformanceTests(language: Language): void {
  describe(`The SDKs for ${language}, unmodified`, () => {
    let reports: SdkReport[] | undefined;
    beforeAll(async () => {
      const missing = await prepare[language]();
      if (missing === undefined) reports = await runLanguage(language);
      else process.stderr.write(`NOT RUN: the SDKs for ${language}. ${missing}\n`);
    });

    test('can do all that is not a known difference', () => {
      expect(unexplained(reports ?? [])).toEqual([]);
    });

    test('can do what the manual says', async () => {
      const documented = await documentedSection(language);
      // What was not run cannot be told to be untrue.
      const measured = reports ? await formatted(conformanceSection(reports)) : documented;

      expect(documented).toContain('| yes');
      expect(documented).toBe(measured);
    });
  });
}
