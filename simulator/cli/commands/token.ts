import { newSasToken } from '../../hub/auth/sas-token.ts';
import { UsageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { parseConnectionString } from '../connection-string.ts';

const DEFAULT_TTL_SECONDS = 24 * 60 * 60;
const LONGEST_TTL_SECONDS = 366 * 24 * 60 * 60;

export const tokenCommand: Command = {
  positionals: '<connectionString>',
  options: {
    ttl: {
      type: 'string',
      valueName: 'seconds',
      description: `How long it shall be valid (${DEFAULT_TTL_SECONDS})`,
    },
  },
  details: [
    'Prints a shared access signature, for the Authorization header of a request.',
    'Takes the connection string of a policy or of a device, of the simulated hub or of another.',
  ].join('\n'),
  run: async ({ values, positionals }) => {
    const [text, ...more] = positionals;
    if (text === undefined || more.length > 0)
      throw new UsageError('One connection string is needed, in quotation marks.');
    const { resource, key, policyName } = parseConnectionString(text);
    const expiresAt = Date.now() + readTtlSeconds(values['ttl']) * 1000;
    console.log(newSasToken({ resource, key, expiresAt, ...(policyName && { policyName }) }));
    return 0;
  },
};

function readTtlSeconds(value: unknown): number {
  if (value === undefined) return DEFAULT_TTL_SECONDS;
  const seconds = Number(value);
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= LONGEST_TTL_SECONDS)
    return seconds;
  throw new UsageError(`--ttl must be a whole number of seconds from 1 to ${LONGEST_TTL_SECONDS}.`);
}
