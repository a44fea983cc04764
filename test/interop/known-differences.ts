/** What does not hold, and whose doing it is: a footnote of the table. Anything else that fails is a fault of ours. */
export interface KnownDifference {
  readonly sdk: string;
  /** Every one of them unless told. */
  readonly transports?: readonly string[];
  /** The title of the capability. */
  readonly capability: string;
  readonly why: string;
}

const NO_MODULES = 'The hub has no modules yet.';
const knownDifferences: readonly KnownDifference[] = [
  {
    sdk: 'azure-iot-device',
    transports: ['http'],
    capability: 'receives content type and encoding, and any octets',
    why: 'The SDK reads every body as UTF-8 text, and neither header.',
  },
  {
    sdk: 'azure-iothub',
    capability: 'creates, reads, lists and deletes a module',
    why: NO_MODULES,
  },
];

export function knownDifference(
  sdk: string,
  transport: string,
  capability: string,
): KnownDifference | undefined {
  return knownDifferences.find(
    (each) =>
      each.sdk === sdk &&
      each.capability === capability &&
      (each.transports?.includes(transport) ?? true),
  );
}
