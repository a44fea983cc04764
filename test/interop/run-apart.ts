import { execFile } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { RunReport } from './run-capabilities.ts';
import type { Sdk } from './sdks.ts';

const run = promisify(execFile);
const TYPESCRIPT = pathToFileURL(
  path.join(import.meta.dirname, '../support/register-typescript.js'),
).href;
const ONE_RUN = path.join(import.meta.dirname, 'one-run.ts');
const RUN_MS = 240_000;

/** A network of its own, in which port 443 is free and anyone's: needs no rights, and Linux. */
const OWN_NETWORK: readonly [string, ...string[]] = [
  'unshare',
  '--map-root-user',
  '--net',
  'sh',
  '-c',
  'ip link set lo up && exec "$@"',
  'sh',
];

let ownNetwork: Promise<readonly string[]> | undefined;

function findOwnNetwork(): Promise<readonly string[]> {
  const [file, ...rest] = OWN_NETWORK;
  ownNetwork ??= run(file, [...rest, 'true']).then(
    () => OWN_NETWORK,
    () => [],
  );
  return ownNetwork;
}

/** One SDK over one transport against a hub of its own, so that no run meets another's clock or faults. */
export async function runApart(sdk: Sdk, transport: string, only = ''): Promise<RunReport> {
  const node = [process.execPath, '--conditions=source', '--import', TYPESCRIPT, ONE_RUN];
  const command = [...(await findOwnNetwork()), ...node, sdk.id, transport, only];
  const [file = '', ...rest] = command;
  const { stdout } = await run(file, rest, { timeout: RUN_MS, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as RunReport;
}

/** Without a network of their own, all runs that cannot map ports want the same ones. */
export async function canRunTogether(): Promise<boolean> {
  return (await findOwnNetwork()).length > 0;
}
