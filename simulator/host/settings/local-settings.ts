import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { describeError, HostError } from '../host-error.ts';

const schema = z.strictObject({
  IsEncrypted: z.literal(false).optional(),
  Values: z.record(z.string(), z.string()).default({}),
});

/** The `Values` of local.settings.json, if there is such a file. */
export async function readLocalSettings(appRoot: string): Promise<Record<string, string>> {
  const file = path.join(appRoot, 'local.settings.json');
  try {
    const { data, error } = schema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (data === undefined) throw new Error(z.prettifyError(error));
    return data.Values;
  } catch (error) {
    if (isMissing(error)) return {};
    throw new HostError(`${file} cannot be used: ${describeError(error)}`, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
