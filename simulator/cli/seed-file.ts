import { readFile } from 'node:fs/promises';
import { InvalidSeedError, parseSeed, type HubSeed } from '../hub/seed.ts';
import { UsageError } from './cli-error.ts';
import type { Command, CommandArguments } from './command.ts';

export const SEED_OPTIONS: Command['options'] = {
  seed: {
    type: 'string',
    valueName: 'file',
    description: 'Begin with the devices of this JSON file instead of device-1 and device-2',
  },
};

/** Throws a UsageError that names every fault of the file. */
export async function readSeed({ seed }: CommandArguments['values']): Promise<HubSeed | undefined> {
  if (typeof seed !== 'string') return undefined;
  const text = await readFile(seed, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--seed: ${error instanceof Error ? error.message : String(error)}`);
  });
  try {
    return parseSeed(text);
  } catch (error) {
    if (!(error instanceof InvalidSeedError)) throw error;
    throw new UsageError([`${seed} is not valid:`, ...error.faults].join('\n  '));
  }
}
