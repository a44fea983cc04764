import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { entraSettingsSchema, type EntraSettings } from '../hub/auth/entra-settings.ts';
import { UsageError } from './cli-error.ts';
import type { Command, CommandArguments } from './command.ts';

export const ENTRA_OPTIONS: Command['options'] = {
  entra: {
    type: 'string',
    valueName: 'file',
    description: 'JSON of the Entra tokens to take: issuers, keys, role assignments',
  },
};

/** Throws a UsageError that names every fault of the file. */
export async function readEntraSettings({
  entra: file,
}: CommandArguments['values']): Promise<EntraSettings | undefined> {
  if (typeof file !== 'string') return undefined;
  const parsed = entraSettingsSchema.safeParse(await readJson(file), { reportInput: false });
  if (parsed.success) return parsed.data;
  throw new UsageError(`${file} is not valid:\n${z.prettifyError(parsed.error)}`);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--entra: ${file} cannot be read: ${String(error)}`);
  }
}
