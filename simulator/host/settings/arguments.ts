import { parseArgs } from 'node:util';
import { describeError, HostError } from '../host-error.ts';

export interface HostArguments {
  readonly appRoot: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly stateFolder: string | undefined;
  readonly isQuiet: boolean;
}

const DEFAULT_PORT = '7071';
const HIGHEST_PORT = 65_535;

/** `[app root] [--port n] [--hosts a,b] [--state-folder f] [--quiet]` */
export function readArguments(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): HostArguments {
  const { values, positionals } = parse(parameters);
  const { DOWNLINK_PORT: portSetting = DEFAULT_PORT } = environment;
  const port = values.port ?? portSetting;
  if (!/^\d{1,5}$/.test(port) || Number(port) > HIGHEST_PORT) {
    throw new HostError(`"${port}" is no port: --port and DOWNLINK_PORT go from 0 to 65535.`);
  }
  const [appRoot = process.cwd(), ...others] = positionals;
  if (others.length > 0) throw new HostError(`There can be one app root: ${positionals.join(' ')}`);
  return {
    appRoot,
    port: Number(port),
    hosts: values.hosts.split(',').map((host) => host.trim()),
    stateFolder: values['state-folder'],
    isQuiet: values.quiet,
  };
}

function parse(parameters: readonly string[]) {
  try {
    return parseArgs({
      args: [...parameters],
      allowPositionals: true,
      options: {
        port: { type: 'string' },
        hosts: { type: 'string', default: '127.0.0.1,::1' },
        'state-folder': { type: 'string' },
        quiet: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new HostError(describeError(error), { cause: error });
  }
}
