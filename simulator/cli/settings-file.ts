import { readFile } from 'node:fs/promises';
import { parseJson } from '../hub/parse-json.ts';
import { checkSettings, type HubSettingsInput } from '../hub/state/settings.ts';
import { InvalidSettingsError } from '../hub/state/settings-check.ts';
import { UsageError } from './cli-error.ts';
import type { Command, CommandArguments } from './command.ts';

export const SETTINGS_OPTIONS: Command['options'] = {
  settings: {
    type: 'string',
    valueName: 'file',
    description: 'JSON of times and sizes instead of the defaults, such as lock times, queue depth',
  },
};

/** Throws a UsageError that names every fault of the file. */
export async function readSettings({
  settings: file,
}: CommandArguments['values']): Promise<HubSettingsInput | undefined> {
  if (typeof file !== 'string') return undefined;
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--settings: ${error instanceof Error ? error.message : String(error)}`);
  });
  try {
    const value = parseJson(text);
    checkSettings(value);
    return value;
  } catch (error) {
    throw new UsageError([`${file} is not valid:`, ...faultsOf(error)].join('\n  '));
  }
}

function faultsOf(error: unknown): readonly string[] {
  if (error instanceof InvalidSettingsError) return error.faults;
  if (error instanceof SyntaxError) return [error.message];
  throw error;
}
