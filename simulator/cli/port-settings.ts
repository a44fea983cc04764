import { UsageError } from './cli-error.ts';

/** Where we listen unless told otherwise; the hub's are the ports that the SDKs expect, but for 443. */
export const PORT_SETTINGS = {
  app: { setting: 'DOWNLINK_PORT', defaultPort: 7071, serves: 'the HTTP API' },
  amqp: { setting: 'DOWNLINK_HUB_AMQP_PORT', defaultPort: 5671, serves: "the hub's AMQP" },
  mqtt: { setting: 'DOWNLINK_HUB_MQTT_PORT', defaultPort: 8883, serves: "the hub's MQTT" },
  https: {
    setting: 'DOWNLINK_HUB_HTTPS_PORT',
    defaultPort: 8443,
    serves: "the hub's HTTPS and WebSockets",
  },
  plainAmqp: {
    setting: 'DOWNLINK_HUB_PLAIN_AMQP_PORT',
    defaultPort: undefined,
    serves: "the hub's AMQP without TLS",
  },
} as const;

export type PortName = keyof typeof PORT_SETTINGS;
export interface HubPorts {
  readonly amqp: number;
  readonly mqtt: number;
  readonly https: number;
  /** Not listened on unless it is set. */
  readonly plainAmqp?: number;
}
export interface Ports extends HubPorts {
  readonly app: number;
}

const HIGHEST_PORT = 65_535;

/** Throws one UsageError that names every wrong setting. */
export function readPorts(env: NodeJS.ProcessEnv): Ports {
  return checked(env, (port) => ({ app: port('app'), ...hubPorts(env, port) }));
}

export function readHubPorts(env: NodeJS.ProcessEnv): HubPorts {
  return checked(env, (port) => hubPorts(env, port));
}

function hubPorts(env: NodeJS.ProcessEnv, port: (name: PortName) => number): HubPorts {
  const isPlainWanted = textOf(env, 'plainAmqp') !== '';
  return {
    amqp: port('amqp'),
    mqtt: port('mqtt'),
    https: port('https'),
    ...(isPlainWanted && { plainAmqp: port('plainAmqp') }),
  };
}

function checked<T extends HubPorts>(
  env: NodeJS.ProcessEnv,
  read: (port: (name: PortName) => number) => T,
): T {
  const faults: string[] = [];
  const taken = new Map<number, PortName>();
  const ports = read((name) => {
    const port = readPort(env, name, faults);
    const other = taken.get(port);
    if (other !== undefined && port !== 0) {
      const both = `${PORT_SETTINGS[other].setting} and ${PORT_SETTINGS[name].setting}`;
      faults.push(`${both} are both ${port}, but each needs a port of its own.`);
    }
    taken.set(port, name);
    return port;
  });
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return ports;
}

function readPort(env: NodeJS.ProcessEnv, name: PortName, faults: string[]): number {
  const { setting, defaultPort = 0 } = PORT_SETTINGS[name];
  const text = textOf(env, name);
  if (text === '') return defaultPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= HIGHEST_PORT) return port;
  faults.push(
    `${setting} is "${text}", but must be a port from 1 to ${HIGHEST_PORT}, or 0 for any free one.`,
  );
  return defaultPort;
}

function textOf(env: NodeJS.ProcessEnv, name: PortName): string {
  return env[PORT_SETTINGS[name].setting]?.trim() ?? '';
}

export function describePortSettings(names: readonly PortName[]): string[][] {
  return names.map((name) => {
    const { setting, defaultPort, serves } = PORT_SETTINGS[name];
    return [setting, `Port of ${serves} (${defaultPort ?? 'none'}); 0: any free one`];
  });
}
