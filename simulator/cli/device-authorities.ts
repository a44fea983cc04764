import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from './cli-error.ts';
import type { Command, CommandArguments } from './command.ts';

export const DEVICE_AUTHORITY_OPTIONS: Command['options'] = {
  'device-ca': {
    type: 'string',
    valueName: 'file',
    description: 'Certificate (PEM) of an authority that signs those of devices; may be repeated',
    multiple: true,
  },
};

/** Each by the name of its file. */
export async function readDeviceAuthorities(
  values: CommandArguments['values'],
): Promise<{ name: string; certificatePem: string }[]> {
  return Promise.all(
    [values['device-ca'] ?? []].flat().map(async (file) => ({
      name: path.parse(String(file)).name,
      certificatePem: await readFile(String(file), 'utf8').catch((error: unknown) => {
        throw new UsageError(`--device-ca: ${String(file)} cannot be read: ${String(error)}`);
      }),
    })),
  );
}
