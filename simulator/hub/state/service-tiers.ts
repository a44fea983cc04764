/**
 * What the service grants a hub of each size.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
 * https://azure.microsoft.com/pricing/details/iot-hub/
 */
export const SKUS = ['F1', 'B1', 'B2', 'B3', 'S1', 'S2', 'S3'] as const;
export type Sku = (typeof SKUS)[number];

export interface ServiceTier {
  readonly sku: Sku;
  readonly units: number;
}

/** What the service counts, each by itself. */
export const THROTTLED_OPERATIONS = [
  'cloudToDeviceSends',
  'cloudToDeviceReceives',
  'deviceToCloudSends',
  'directMethodBytes',
  'identityOperations',
  'twinReads',
  'twinUpdates',
  'queries',
  'jobOperations',
  'configurationOperations',
  'fileUploads',
  'newConnections',
] as const;
export type ThrottledOperation = (typeof THROTTLED_OPERATIONS)[number];

/** F1, B1 and S1 are small, and so on. */
type Size = 'small' | 'medium' | 'large';
/** Per second, for so many units. */
type Rate = (units: number) => number;

const KIB = 1024;
const MIB = 1024 * KIB;

const perMinute =
  (amountPerUnit: number): Rate =>
  (units) =>
    (amountPerUnit * units) / 60;
const perSecond =
  (amountPerUnit: number): Rate =>
  (units) =>
    amountPerUnit * units;
const perHub =
  (amount: number): Rate =>
  () =>
    amount;
const higherOf =
  (one: Rate, other: Rate): Rate =>
  (units) =>
    Math.max(one(units), other(units));

const RATES: Readonly<Record<ThrottledOperation, Readonly<Record<Size, Rate>>>> = {
  cloudToDeviceSends: rates(perMinute(100), perMinute(100), perMinute(5_000)),
  // Over HTTPS only.
  cloudToDeviceReceives: rates(perMinute(1_000), perMinute(1_000), perMinute(50_000)),
  deviceToCloudSends: rates(higherOf(perHub(100), perSecond(12)), perSecond(120), perSecond(6_000)),
  directMethodBytes: rates(perSecond(160 * KIB), perSecond(480 * KIB), perSecond(24 * MIB)),
  identityOperations: rates(perMinute(100), perMinute(100), perMinute(5_000)),
  twinReads: rates(perHub(100), higherOf(perHub(100), perSecond(10)), perSecond(500)),
  twinUpdates: rates(perHub(50), higherOf(perHub(50), perSecond(5)), perSecond(250)),
  queries: rates(perMinute(20), perMinute(20), perMinute(1_000)),
  jobOperations: rates(perMinute(100), perMinute(100), perMinute(5_000)),
  configurationOperations: rates(perMinute(20), perMinute(20), perMinute(20)),
  fileUploads: rates(perMinute(100), perMinute(100), perMinute(5_000)),
  newConnections: rates(higherOf(perHub(100), perSecond(12)), perSecond(120), perSecond(6_000)),
};

const SIZES: Readonly<Record<Sku, Size>> = {
  F1: 'small',
  B1: 'small',
  S1: 'small',
  B2: 'medium',
  S2: 'medium',
  B3: 'large',
  S3: 'large',
};

const MESSAGES_PER_DAY_AND_UNIT: Readonly<Record<Sku, number>> = {
  F1: 8_000,
  B1: 400_000,
  S1: 400_000,
  B2: 6_000_000,
  S2: 6_000_000,
  B3: 300_000_000,
  S3: 300_000_000,
};

export const MOST_UNITS: Readonly<Record<Sku, number>> = {
  F1: 1,
  B1: 200,
  S1: 200,
  B2: 200,
  S2: 200,
  B3: 10,
  S3: 10,
};

/** Not for the basic tiers. */
const STANDARD_OPERATIONS: ReadonlySet<ThrottledOperation> = new Set([
  'cloudToDeviceSends',
  'cloudToDeviceReceives',
  'directMethodBytes',
  'twinReads',
  'twinUpdates',
  'queries',
  'jobOperations',
  'configurationOperations',
]);

/** A method is throttled by what it sends, in steps of this. */
export const METHOD_THROTTLE_STEP_BYTES = 4 * KIB;
/** A twin is counted in steps of this in every tier. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-pricing */
export const TWIN_METER_BYTES = 512;

/** Throws a RangeError. */
export function checkTier({ sku, units }: ServiceTier): void {
  if (!SKUS.includes(sku)) throw new RangeError(`The SKU must be one of ${SKUS.join(', ')}`);
  if (Number.isSafeInteger(units) && units >= 1 && units <= MOST_UNITS[sku]) return;
  throw new RangeError(`A hub of ${sku} has 1 to ${MOST_UNITS[sku]} units, not ${units}`);
}

export function ratePerSecond(operation: ThrottledOperation, { sku, units }: ServiceTier): number {
  return RATES[operation][SIZES[sku]](units);
}

export function messagesPerDay({ sku, units }: ServiceTier): number {
  return MESSAGES_PER_DAY_AND_UNIT[sku] * units;
}

/** The size of a message that counts as one. */
export function meterBytes({ sku }: ServiceTier): number {
  return sku === 'F1' ? KIB / 2 : 4 * KIB;
}

export function isAllowed(operation: ThrottledOperation, { sku }: ServiceTier): boolean {
  return !sku.startsWith('B') || !STANDARD_OPERATIONS.has(operation);
}

function rates(small: Rate, medium: Rate, large: Rate): Readonly<Record<Size, Rate>> {
  return { small, medium, large };
}
