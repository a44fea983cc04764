import type { Capability } from './capability.ts';
import { deviceCapabilities } from './device-capabilities.ts';
import { javaProgram } from './java/java-environment.ts';
import { eventCapabilities } from './event-capabilities.ts';
import type { Language } from './languages.ts';
import { nodeProgram } from './node/node-program.ts';
import type { ProgramCommand } from './program.ts';
import { pythonProgram } from './python/python-environment.ts';
import { serviceCapabilities } from './service-capabilities.ts';

export interface Sdk {
  readonly id: string;
  readonly language: Language;
  /** As its registry names it. */
  readonly packageName: string;
  readonly side: 'device' | 'service';
  /** As the program takes them. */
  readonly transports: readonly string[];
  readonly capabilities: readonly Capability[];
  command(transport: string): ProgramCommand;
}

export const sdks: readonly Sdk[] = [
  {
    id: 'node-device',
    language: 'node',
    packageName: 'azure-iot-device',
    side: 'device',
    transports: ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws', 'http'],
    capabilities: deviceCapabilities,
    command: (transport) => nodeProgram('azure-iot-device.js', transport),
  },
  {
    id: 'node-service',
    language: 'node',
    packageName: 'azure-iothub',
    side: 'service',
    transports: ['amqp', 'amqp-ws'],
    capabilities: serviceCapabilities,
    command: (transport) => nodeProgram('azure-iothub.js', transport),
  },
  {
    id: 'node-events',
    language: 'node',
    packageName: '@azure/event-hubs',
    side: 'service',
    transports: ['amqp', 'amqp-ws'],
    capabilities: eventCapabilities,
    command: (transport) => nodeProgram('event-hubs.js', transport),
  },
  {
    id: 'python-device',
    language: 'python',
    packageName: 'azure-iot-device',
    side: 'device',
    transports: ['mqtt', 'mqtt-ws'],
    capabilities: deviceCapabilities,
    command: (transport) => pythonProgram('azure_iot_device.py', transport),
  },
  {
    id: 'python-service',
    language: 'python',
    packageName: 'azure-iot-hub',
    side: 'service',
    transports: ['amqp', 'amqp-ws'],
    capabilities: serviceCapabilities,
    command: (transport) => pythonProgram('azure_iot_hub.py', transport),
  },
  {
    id: 'java-device',
    language: 'java',
    packageName: 'iot-device-client',
    side: 'device',
    transports: ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws', 'http'],
    capabilities: deviceCapabilities,
    command: (transport) => javaProgram('DeviceProgram', transport),
  },
  {
    id: 'java-service',
    language: 'java',
    packageName: 'iot-service-client',
    side: 'service',
    transports: ['amqp', 'amqp-ws'],
    capabilities: serviceCapabilities,
    command: (transport) => javaProgram('ServiceProgram', transport),
  },
];

export function sdkOf(id: string): Sdk {
  const sdk = sdks.find((each) => each.id === id);
  if (!sdk) throw new Error(`There is no SDK '${id}' here`);
  return sdk;
}
