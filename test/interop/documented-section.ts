import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import type { Language } from './languages.ts';

const MANUAL = path.resolve(import.meta.dirname, '../../docs/simulated-hub.md');

/** What the manual holds between the markers of a language. */
export async function documentedSection(language: Language): Promise<string> {
  const { before, after, manual } = await split(language);
  return manual.slice(before.length, manual.length - after.length).trim();
}

export async function documentSection(language: Language, section: string): Promise<void> {
  const { before, after } = await split(language);
  await writeFile(MANUAL, `${before}\n\n${await formatted(section)}\n\n${after}`);
}

/** As the manual is formatted, so that the two can be compared. */
export async function formatted(section: string): Promise<string> {
  const options = await resolveConfig(MANUAL);
  return (await format(section, { ...options, parser: 'markdown' })).trim();
}

async function split(
  language: Language,
): Promise<{ manual: string; before: string; after: string }> {
  const manual = await readFile(MANUAL, 'utf8');
  const start = `<!-- conformance: ${language} -->`;
  const end = `<!-- conformance: end of ${language} -->`;
  const [before, rest, ...more] = manual.split(start);
  const afterStart = rest?.split(end)[1];
  if (before === undefined || afterStart === undefined || more.length > 0)
    throw new Error(`${MANUAL} must have '${start}' and '${end}' once each`);
  return { manual, before: `${before}${start}`, after: `${end}${afterStart}` };
}
