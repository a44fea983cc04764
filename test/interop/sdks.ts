import { deviceCapabilities } from './device-capabilities.ts';
import { serviceCapabilities } from './service-capabilities.ts';
import type { Capability } from './capability.ts';
import type { ProgramCommand } from './program.ts';
import { nodeProgram } from './node/node-program.ts';

export const languages = ['node'] as const;
export type Language = (typeof languages)[number];

export interface Sdk {
  /** The package, as its registry names it. */
  readonly name: string;
  readonly language: Language;
  readonly side: 'device' | 'service';
  /** As the program takes them. */
  readonly transports: readonly string[];
  readonly capabilities: readonly Capability[];
  command(transport: string): ProgramCommand;
}

export const sdks: readonly Sdk[] = [
  {
    name: 'azure-iot-device',
    language: 'node',
    side: 'device',
    transports: ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws', 'http'],
    capabilities: deviceCapabilities,
    command: (transport) => nodeProgram('azure-iot-device.js', transport),
  },
  {
    name: 'azure-iothub',
    language: 'node',
    side: 'service',
    transports: ['amqp', 'amqp-ws'],
    capabilities: serviceCapabilities,
    command: (transport) => nodeProgram('azure-iothub.js', transport),
  },
];

export function sdkNamed(name: string): Sdk {
  const sdk = sdks.find((each) => each.name === name);
  if (!sdk) throw new Error(`There is no SDK '${name}' here`);
  return sdk;
}
