// npm run conformance [-- LANGUAGE…]: runs the SDKs against the hub and writes what holds into the manual.
import { conformanceSection, unexplained } from './conformance-section.ts';
import { documentSection } from './documented-section.ts';
import { runLanguage } from './run-language.ts';
import { languages, prepare } from './languages.ts';

const wanted = process.argv.slice(2);
for (const language of languages) {
  if (wanted.length > 0 && !wanted.includes(language)) continue;
  const missing = await prepare[language]();
  if (missing !== undefined) {
    process.stderr.write(`NOT RUN: the SDKs for ${language}. ${missing}\n`);
    continue;
  }
  const reports = await runLanguage(language);
  await documentSection(language, conformanceSection(reports));
  for (const each of unexplained(reports)) {
    process.stderr.write(`${each}\n`);
    process.exitCode = 1;
  }
}
