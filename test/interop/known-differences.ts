/** What does not hold, and whose doing it is: a footnote of the table. Anything else that fails is a fault of ours. */
export interface KnownDifference {
  /** By their ids. */
  readonly sdks: readonly string[];
  /** Every one of them unless told. */
  readonly transports?: readonly string[];
  /** The title of the capability. */
  readonly capability: string;
  readonly why: string;
}

const knownDifferences: readonly KnownDifference[] = [
  {
    sdks: ['node-device'],
    transports: ['http'],
    capability: 'receives content type and encoding, and any octets',
    why: 'The SDK reads every body as UTF-8 text, and neither header.',
  },
  {
    sdks: ['python-service'],
    capability: 'sends again after the connection was lost',
    why: 'The SDK keeps the dead connection; its user makes a new `IoTHubRegistryManager`.',
  },
];

export function knownDifference(
  sdk: string,
  transport: string,
  capability: string,
): KnownDifference | undefined {
  return knownDifferences.find(
    (each) =>
      each.sdks.includes(sdk) &&
      each.capability === capability &&
      (each.transports?.includes(transport) ?? true),
  );
}
