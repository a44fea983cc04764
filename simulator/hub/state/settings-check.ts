export type Range = readonly [least: number, most: number];

type Ranges = Readonly<Record<string, Readonly<Record<string, Range>>>>;

/** All that is wrong with settings, one line each. */
export class InvalidSettingsError extends RangeError {
  override readonly name = 'InvalidSettingsError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Settings of the hub: ${faults.join('; ')}`);
    this.faults = faults;
  }
}

/** What is undefined counts as left out. */
export function faultsInSettings(value: unknown, ranges: Ranges): string[] {
  const groups = Object.keys(ranges).join(', ');
  if (!isObject(value)) return [`they must be an object of groups (${groups})`];
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(ranges, name));
  return [
    ...Object.entries(ranges).flatMap(([name, group]) => faultsInGroup(name, value[name], group)),
    ...unknown.map((name) => `${name} is not a group of settings (${groups})`),
  ];
}

function faultsInGroup(
  groupName: string,
  given: unknown,
  ranges: Readonly<Record<string, Range>>,
): string[] {
  if (given === undefined) return [];
  if (!isObject(given)) return [`${groupName} must be an object`];
  const faults: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    const range = Object.hasOwn(ranges, key) ? ranges[key] : undefined;
    if (!range) faults.push(`${groupName}.${key} is not a setting`);
    else if (value !== undefined && !isWithin(value, range))
      faults.push(`${groupName}.${key} must be a whole number from ${range[0]} to ${range[1]}`);
  }
  return faults;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWithin(value: unknown, [least, most]: Range): boolean {
  return (
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
  );
}
