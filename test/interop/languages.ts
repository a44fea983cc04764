import { prepareJava } from './java/java-environment.ts';
import { preparePython } from './python/python-environment.ts';

export const languages = ['node', 'python', 'java'] as const;
export type Language = (typeof languages)[number];

/** Installs what the programs of a language need; tells what is missing on this machine. */
export const prepare: Readonly<Record<Language, () => Promise<string | undefined>>> = {
  node: () => Promise.resolve(undefined),
  python: preparePython,
  java: prepareJava,
};
