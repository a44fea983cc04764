import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll } from '@jest/globals';
import { build } from 'esbuild';
import { until } from '../../support/until.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
// Inside the repository, so that packages are found; ignored as every folder of this name.
const folder = path.join(import.meta.dirname, 'dist', randomUUID());

export const KEY = 'local-development-key';

let built: Promise<unknown> | undefined;
const started = new Set<HostProcess>();

afterAll(async () => {
  await Promise.all([...started].map((host) => host.kill()));
  await rm(folder, { recursive: true, force: true });
});

/** An app of such files; what is not given has defaults. */
export async function writeApp(files: Record<string, string>): Promise<string> {
  const root = path.join(folder, randomUUID());
  const all = {
    'package.json': '{ "type": "module", "main": "index.js" }',
    'host.json': '{ "version": "2.0", "extensions": { "http": { "routePrefix": "" } } }',
    ...files,
  };
  await mkdir(root, { recursive: true });
  for (const [name, text] of Object.entries(all)) await writeFile(path.join(root, name), text);
  return root;
}

/** A fixture bundled as Downlink's own app is for Azure. */
export async function bundleApp(fixture: string): Promise<string> {
  const root = await writeApp({ 'package.json': '{ "type": "module", "main": "dist/index.js" }' });
  await build({
    entryPoints: [path.join(import.meta.dirname, 'fixtures', fixture)],
    outdir: path.join(root, 'dist'),
    entryNames: 'index',
    bundle: true,
    format: 'esm',
    platform: 'node',
    splitting: true,
    external: ['@azure/functions-core'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  return root;
}

export interface StartOptions {
  arguments?: string[];
  environment?: Record<string, string>;
}

export class HostProcess {
  readonly child: ChildProcess;
  readonly messages: Record<string, unknown>[] = [];
  /** The exit code, once all that was printed is read. */
  readonly exited: Promise<unknown>;
  url = '';
  output = '';

  constructor(child: ChildProcess) {
    this.child = child;
    this.exited = exitOf(child);
    child.on('message', (message: Record<string, unknown>) => this.messages.push(message));
    const read = (chunk: Buffer) => {
      this.output += chunk.toString();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    started.add(this);
    child.once('exit', () => started.delete(this));
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Answers the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> {
    this.child.kill(signal);
    return this.exited;
  }

  async printed(text: string | RegExp): Promise<void> {
    await until(`the host printed ${String(text)}`, () =>
      typeof text === 'string' ? this.output.includes(text) : text.test(this.output),
    );
  }

  async fetch(route: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${route}`, init);
  }
}

// Not the event 'close': Node emits none once this side has disconnected.
async function exitOf(child: ChildProcess): Promise<unknown> {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const [[code]] = await Promise.all([
    once(child, 'exit'),
    ...streams.map((stream) => once(stream, 'close')),
  ]);
  return code;
}

/** Built once for a test file. */
export async function hostEntryPoint(): Promise<string> {
  const outfile = path.join(folder, 'host', 'main.js');
  built ??= build({
    entryPoints: [path.join(repository, 'simulator/host/main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  await built;
  return outfile;
}

/** Runs the host on an app without waiting for anything. */
export async function spawnHost(appRoot: string, options: StartOptions = {}): Promise<HostProcess> {
  return new HostProcess(
    fork(await hostEntryPoint(), [appRoot, ...(options.arguments ?? ['--port', '0'])], {
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...options.environment },
    }),
  );
}

/** Runs the host on an app until it is ready. */
export async function startHost(appRoot: string, options: StartOptions = {}): Promise<HostProcess> {
  const host = await spawnHost(appRoot, options);
  const ready = await until('the host is ready or has ended', () => {
    if (host.messages.length > 0) return host.messages[0];
    return host.child.exitCode === null ? undefined : { type: 'ended' };
  });
  if (ready['type'] !== 'ready') throw new Error(`the host did not start:\n${host.output}`);
  host.url = String(ready['url']);
  return host;
}

/** Runs the host on an app that it must refuse; answers what it said. */
export async function refusal(appRoot: string, options: StartOptions = {}): Promise<string> {
  const host = await spawnHost(appRoot, options);
  const code = await host.exited;
  const [message] = host.messages;
  if (code !== 1 || message?.['type'] !== 'failed') {
    throw new Error(`the host ended with ${String(code)}, saying:\n${host.output}`);
  }
  return String(message['message']);
}
