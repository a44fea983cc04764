import { checkTier, SKUS, type ServiceTier } from '../hub/state/service-tiers.ts';
import { UsageError } from './cli-error.ts';
import type { Command, CommandArguments } from './command.ts';

export const LIMIT_OPTIONS: Command['options'] = {
  sku: {
    type: 'string',
    valueName: 'sku',
    description: `Keep throttles and daily quota of ${SKUS.join(', ')}; without it there are none`,
  },
  units: { type: 'string', valueName: 'number', description: 'Of that size (1)' },
};

/** Throws a UsageError. */
export function readLimits({ sku, units }: CommandArguments['values']): ServiceTier | undefined {
  if (sku === undefined) {
    if (units !== undefined) throw new UsageError('--units needs --sku.');
    return undefined;
  }
  const known = SKUS.find((name) => name === String(sku).toUpperCase());
  if (known === undefined) {
    throw new UsageError(`--sku is "${String(sku)}", but must be one of ${SKUS.join(', ')}.`);
  }
  const tier = { sku: known, units: Number(units ?? 1) };
  try {
    checkTier(tier);
  } catch (error) {
    throw new UsageError(`--units: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return tier;
}
