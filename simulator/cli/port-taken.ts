import { PortTakenError } from '../loopback/listen.ts';
import { CliError } from './cli-error.ts';
import { errorCode } from './error-code.ts';
import { describeInstance } from './instance/instance.ts';
import { findInstanceOnPort } from './instance/running-instances.ts';
import { PORT_SETTINGS, type PortName, type Ports } from './port-settings.ts';

/** The error with what to do about it, if it is about a port of ours; else the error as it is. */
export async function explainPortTaken(error: unknown, ports: Partial<Ports>): Promise<unknown> {
  if (!(error instanceof PortTakenError)) return explainRights(error);
  return portTaken(error.port, ports, error);
}

export async function portTaken(
  port: number,
  ports: Partial<Ports>,
  cause?: unknown,
): Promise<CliError> {
  const name = names.find((candidate) => ports[candidate] === port);
  const holder = await findInstanceOnPort(port);
  const { setting, serves } = PORT_SETTINGS[name ?? 'app'];
  const by = holder === undefined ? 'another program' : describeInstance(holder);
  return new CliError(
    `Port ${port} for ${serves} is taken by ${by}. ` +
      `Stop that, or set ${setting} to another port (0: any free one).`,
    { cause },
  );
}

const names: readonly PortName[] = ['app', 'amqp', 'mqtt', 'https', 'plainAmqp'];

function explainRights(error: unknown): unknown {
  if (!(error instanceof Error) || errorCode(error.cause) !== 'EACCES') return error;
  return new CliError(`${error.message}. Choose a port above 1023.`, { cause: error });
}
