import { PortTakenError } from '../loopback/listen.ts';
import { mapPorts } from '../loopback/map-ports.ts';
import type { FunctionSummary } from './function-definition.ts';
import { startFunctionsHost, type FunctionsHost } from './functions-host.ts';
import { describeError, HostError, isError } from './host-error.ts';
import { lineLog } from './host-log.ts';
import { DEFAULT_FUNCTION_KEY } from './http/function-keys.ts';
import { takeAuthentication } from './settings/app-authentication.ts';
import { readArguments } from './settings/arguments.ts';
import { takeSimulatedHub } from './settings/simulated-hub.ts';

/** What this process tells its parent over IPC. */
export type HostMessage =
  | { type: 'ready'; url: string; port: number; functions: readonly FunctionSummary[] }
  | { type: 'failed'; message: string; portTaken: boolean };

let host: FunctionsHost | undefined;
let isStopping = false;

process.on('SIGTERM', () => onSignal(true));
// Ctrl-C reaches the whole process group. With a parent it is the parent who loses patience.
process.on('SIGINT', () => onSignal(!process.connected));
process.on('disconnect', stop);
// The parent may have gone before anybody listened.
if (process.send !== undefined && !process.connected) stop();
process.on('uncaughtException', (error) => fail(error, 'The app failed outside of any function'));
// Nobody reads any more; there is nobody to tell.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

try {
  const { isQuiet, ...options } = readArguments(process.argv.slice(2), process.env);
  const simulatedHub = takeSimulatedHub(process.env);
  if (simulatedHub !== undefined) mapPorts(simulatedHub);
  const functionKey = take('DOWNLINK_FUNCTION_KEY') ?? DEFAULT_FUNCTION_KEY;
  const masterKey = take('DOWNLINK_MASTER_KEY') ?? functionKey;
  const authentication = takeAuthentication(process.env);
  const log = lineLog(writeLine, isQuiet ? 'warning' : 'information');
  host = await startFunctionsHost({ ...options, functionKey, masterKey, log, authentication });
  const { url, port, functions } = host;
  log.write('information', 'host', `${String(functions.length)} functions on ${url}`);
  tellParent({ type: 'ready', url, port, functions });
} catch (error) {
  fail(error);
}

function onSignal(canEndAtOnce: boolean): void {
  if (isStopping && canEndAtOnce) process.exit(1);
  stop();
}

function stop(): void {
  if (isStopping) return;
  isStopping = true;
  // What is only starting has nothing to finish.
  if (host === undefined) process.exit(0);
  host.stop().then(
    () => process.exit(0),
    (error: unknown) => fail(error),
  );
}

/** The app and whatever it loads need not see the keys. */
function take(setting: string): string | undefined {
  const value = process.env[setting];
  delete process.env[setting];
  return value;
}

function fail(error: unknown, heading?: string): void {
  const message = [heading, explain(error)].filter(Boolean).join(': ');
  process.stderr.write(`functions host: ${message}\n`);
  const portTaken = error instanceof PortTakenError;
  tellParent({ type: 'failed', message, portTaken }, () => process.exit(1));
}

function explain(error: unknown): string {
  if (error instanceof PortTakenError) {
    return `${error.message}. Stop what listens there, or set DOWNLINK_PORT to another port (0: any free one).`;
  }
  if (error instanceof HostError) return error.message;
  return isError(error) ? (error.stack ?? error.message) : describeError(error);
}

function tellParent(message: HostMessage, sent?: () => void): void {
  if (process.send === undefined || !process.connected) sent?.();
  else process.send(message, undefined, undefined, () => sent?.());
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
