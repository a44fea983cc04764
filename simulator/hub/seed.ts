import { z } from 'zod';
import { parseJson } from './parse-json.ts';
import { AUTHENTICATION_TYPES } from './state/authentication.ts';
import { HubError } from './state/hub-error.ts';
import { HubState, type SeedDevice } from './state/hub-state.ts';

/** What a hub begins with, and goes back to when it is reset. */
export interface HubSeed {
  readonly devices: readonly SeedDevice[];
}

/** All that is wrong with a seed, one line each. */
export class InvalidSeedError extends Error {
  override readonly name = 'InvalidSeedError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(['The seed is not valid:', ...faults].join('\n  '));
    this.faults = faults;
  }
}

const jsonObject = z.record(z.string(), z.unknown());
const deviceSchema: z.ZodType<SeedDevice> = z.strictObject({
  deviceId: z.string(),
  moduleId: z.string().exactOptional(),
  managedBy: z.string().exactOptional(),
  status: z.enum(['enabled', 'disabled']).exactOptional(),
  statusReason: z.string().max(128).exactOptional(),
  authenticationType: z.enum(AUTHENTICATION_TYPES).exactOptional(),
  primaryKey: z.string().exactOptional(),
  secondaryKey: z.string().exactOptional(),
  x509Thumbprint: z
    .strictObject({
      primaryThumbprint: z.string().exactOptional(),
      secondaryThumbprint: z.string().exactOptional(),
    })
    .exactOptional(),
  tags: jsonObject.exactOptional(),
  desired: jsonObject.exactOptional(),
});
const fileSchema = z.strictObject({
  $schema: z.string().exactOptional(),
  devices: z.array(z.unknown()),
});

/** Throws an InvalidSeedError. */
export function parseSeed(text: string): HubSeed {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InvalidSeedError([error.message]);
  }
  return checkSeed(value);
}

/** Names every fault at once; throws an InvalidSeedError. */
export function checkSeed(value: unknown): HubSeed {
  const file = fileSchema.safeParse(value, { reportInput: false });
  const faults = file.success ? [] : faultsOf(file.error, '');
  const devices: SeedDevice[] = [];
  const trial = new HubState();
  for (const [place, given] of devicesIn(value).entries()) {
    const name = `devices.${place}${idIn(given)}`;
    const device = deviceSchema.safeParse(given, { reportInput: false });
    if (!device.success) faults.push(...faultsOf(device.error, name));
    else {
      const fault = tryPlanting(trial, device.data);
      if (fault !== undefined) faults.push(`${name}: ${fault}`);
      devices.push(device.data);
    }
  }
  trial.stop();
  if (faults.length > 0) throw new InvalidSeedError(faults);
  return { devices };
}

/** The rules of the hub itself: ids, keys, twins, and no device twice. */
function tryPlanting(state: HubState, device: SeedDevice): string | undefined {
  try {
    state.plant(device);
    return undefined;
  } catch (error) {
    if (error instanceof HubError) return error.message;
    throw error;
  }
}

function devicesIn(value: unknown): unknown[] {
  const list: unknown =
    typeof value === 'object' && value !== null && 'devices' in value ? value.devices : undefined;
  return Array.isArray(list) ? list : [];
}

function idIn(device: unknown): string {
  if (typeof device !== 'object' || device === null || !('deviceId' in device)) return '';
  return typeof device.deviceId === 'string' ? ` (${device.deviceId.slice(0, 140)})` : '';
}

function faultsOf({ issues }: z.ZodError, where: string): string[] {
  return issues.map(({ path, message }) => {
    const below = path.join('.');
    const place = [where, below].filter((part) => part !== '').join(': ');
    return `${place === '' ? 'the file' : place}: ${message}`;
  });
}
