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
    sdks: ['java-device'],
    transports: ['http'],
    capability: 'receives content type and encoding, and any octets',
    why: 'The SDK reads neither header.',
  },
  {
    sdks: ['java-device'],
    transports: ['http'],
    capability: 'rejects a message',
    why: 'The SDK asks for `?reject` in the place of `reject`, so the message is completed.',
  },
  {
    sdks: ['java-service'],
    capability: 'receives feedback of all five kinds',
    why: 'The SDK knows four of them: a purged message is `unknown` to it.',
  },
  {
    sdks: ['java-service'],
    capability: 'reads a device whose id has every character that is allowed',
    why: 'The SDK does not percent-encode ids.',
  },
  {
    sdks: ['java-service'],
    transports: ['amqp-ws'],
    capability: 'is refused with a wrong key, at once',
    why: 'The SDK closes the connection once its token is refused, and never tells its caller.',
  },
  {
    sdks: ['java-service'],
    capability: 'sends again after the connection was lost',
    why: 'A `MessagingClient` that is opened again hangs once its token is taken; its user makes a new one.',
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
