import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CliProcess } from './cli-process.ts';
import { runCurl } from './shell-words.ts';

let folder: string;
const processes: CliProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'start-command-'));
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map(async (cli) => cli.end('SIGTERM')));
  await rm(folder, { recursive: true });
});

function run(args: string[] = [], env: NodeJS.ProcessEnv = {}): CliProcess {
  const cli = new CliProcess(['start', ...args], { cwd: folder, env });
  processes.push(cli);
  return cli;
}

async function runReady(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<CliProcess> {
  const cli = run(args, env);
  await cli.printed(/Ctrl-C stops everything/);
  return cli;
}

const curlLinesOf = (cli: CliProcess): string[] =>
  cli.lines.filter((line) => line.startsWith('  curl'));

function portsOf(cli: CliProcess): number[] {
  const shown = cli.lines.filter((line) => /^ {2}(API|Simulated hub|Storage) /.test(line)).join();
  return [...shown.matchAll(/(?:localhost:|AMQPS |MQTTS |WebSockets |127\.0\.0\.1:)(\d+)/g)].map(
    ([, port]) => Number(port),
  );
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      resolve(true);
      socket.destroy();
    });
  });
}

async function untilNothingListens(ports: number[]): Promise<void> {
  const deadline = Date.now() + 15_000;
  while ((await Promise.all(ports.map(isListening))).includes(true)) {
    if (Date.now() > deadline) throw new Error('something still listens');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A line that an earlier run printed, for the port of a later one. */
function onPortOf(line: string, cli: CliProcess): string {
  const url = /^ {2}API +(\S+)/m.exec(cli.output)?.[1];
  return line.replace(/http:\/\/localhost:\d+/, url ?? '');
}

function childOf(cli: CliProcess, script: string): number {
  const listing = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args=']).toString('utf8');
  const child = listing
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([, parent, ...args]) => Number(parent) === cli.pid && args.join(' ').includes(script));
  return Number(child?.[0]);
}

describe('downlink start', () => {
  test('prints lines that work, keeps its state over a restart, and forgets it with --fresh', async () => {
    const first = await runReady();
    const [send = '', follow = '', invoke = ''] = curlLinesOf(first);

    expect(await runCurl(send)).toMatchObject({ status: 202, body: { deviceId: 'device-1' } });
    expect(await runCurl(follow)).toMatchObject({ status: 200, body: { status: 'delivered' } });
    expect(await runCurl(invoke)).toMatchObject({ status: 200, body: { status: 200 } });
    expect(first.output).toMatch(/^device-1 \| .*\{"setPoint":21\}/m);
    expect(first.output).toMatch(/^device-1 \| methodName = reboot$/m);
    expect(first.output).toContain('every 1 s');
    const serviceString = await first.printed(/service +(\S+)/);
    const ports = portsOf(first);
    expect(ports).toHaveLength(6);
    expect(await first.end('SIGINT')).toBe(0);
    await untilNothingListens(ports);

    const second = await runReady();
    expect(await second.printed(/service +(\S+)/)).toBe(serviceString);
    expect(await runCurl(onPortOf(follow, second))).toMatchObject({
      body: { status: 'delivered' },
    });
    await second.end();

    const third = await runReady(['--fresh']);
    expect(await third.printed(/service +(\S+)/)).not.toBe(serviceString);
    expect(await runCurl(onPortOf(follow, third))).toMatchObject({ status: 404 });
  });

  test('answers the lines of the manual as it says', async () => {
    const cli = await runReady();
    const root = path.resolve(import.meta.dirname, '../../..');
    const pages = await Promise.all(
      ['README.md', 'docs/messages.md'].map(async (page) =>
        readFile(path.join(root, page), 'utf8'),
      ),
    );
    const lines = [...pages.join('\n').matchAll(/^curl .*$/gm)].map(([line]) =>
      onPortOf(line, cli),
    );
    const answers: { status: number; body: unknown }[] = [];
    for (const line of lines) answers.push(await runCurl(line));

    expect(answers).toMatchObject([
      { status: 202, body: { messageId: 'hello-1', status: 'enqueued' } },
      { status: 200, body: { status: 'delivered', final: true } },
      { status: 202, body: { messageId: 'wait-1', status: 'enqueued' } },
      { status: 200, body: { queuedMessages: 1, connectionState: 'disconnected' } },
      { status: 200, body: { purged: 1 } },
      { status: 200, body: { status: 'purged', final: true } },
      { status: 200, body: { status: 200, payload: expect.anything() } },
      { status: 202, body: { messageId: 'queued-1' } },
      { status: 202, body: { messageId: 'receipt-1', final: false } },
      { status: 200, body: { status: 'handled', final: true, receipt: expect.anything() } },
    ]);
  });

  test('works behind proxies and beside authorities of the user', async () => {
    const proxy = 'http://127.0.0.1:9';
    const cli = await runReady([], {
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      ALL_PROXY: proxy,
      http_proxy: proxy,
      https_proxy: proxy,
      all_proxy: proxy,
      NO_PROXY: 'intranet',
      NODE_USE_ENV_PROXY: '1',
      NODE_EXTRA_CA_CERTS: path.join(folder, 'missing.pem'),
      DOWNLINK_FUNCTION_KEY: 'a-key-of-my-own',
    });
    const [send = '', , invoke = ''] = curlLinesOf(cli);

    expect(send).toContain('a-key-of-my-own');
    expect(await runCurl(send)).toMatchObject({ status: 202 });
    expect(await runCurl(invoke)).toMatchObject({ status: 200 });
  });

  test('names the running one to another that wants its folder or its ports', async () => {
    const first = await runReady();
    const appPort = await first.printed(/API +http:\/\/localhost:(\d+)/);
    const mqttPort = await first.printed(/MQTTS (\d+)/);
    const cwd = await mkdtemp(path.join(os.tmpdir(), 'start-command-'));

    const inItsFolder = run();
    expect(await inItsFolder.exitCode).toBe(1);
    expect(inItsFolder.output).toContain(
      `.downlink is in use by process ${first.pid}, "downlink start"`,
    );

    for (const [setting, port] of Object.entries({
      DOWNLINK_PORT: appPort,
      DOWNLINK_HUB_MQTT_PORT: mqttPort,
    })) {
      const onItsPort = new CliProcess(['start'], { cwd, env: { [setting]: port } });
      expect(await onItsPort.exitCode).toBe(1);
      expect(onItsPort.output).toMatch(
        new RegExp(`Port ${port} .* is taken by process ${first.pid}, .*set ${setting} `),
      );
    }
    await rm(cwd, { recursive: true });
  });

  test('leaves nothing that runs when it is killed, and starts again', async () => {
    const first = await runReady();
    const ports = portsOf(first);

    await first.end('SIGKILL');

    await untilNothingListens(ports);
    await expect(runReady()).resolves.toBeDefined();
  });

  test.each([
    ['app', 'host/main.js'],
    ['storage emulator', 'storage/main.js'],
  ])('stops everything and says why when the %s dies', async (name, script) => {
    const cli = await runReady();

    process.kill(childOf(cli, script), 'SIGKILL');

    expect(await cli.exitCode).toBe(1);
    expect(cli.output).toContain(`The ${name} was ended by SIGKILL; stopping everything else.`);
    await untilNothingListens(portsOf(cli));
  });

  test('stops cleanly while it is still starting', async () => {
    const cli = run();
    await cli.printed(/device-1 \|/);

    expect(await cli.end('SIGTERM')).toBe(0);

    expect((await readdir(path.join(folder, '.downlink'))).toSorted()).not.toContainEqual(
      expect.stringMatching(/lock/),
    );
  });

  test('says what it replaces: state of the hub or the storage that cannot be read', async () => {
    const first = await runReady();
    await first.end();
    await writeFile(path.join(folder, '.downlink/hub/hub-state.json'), '{');
    await writeFile(path.join(folder, '.downlink/storage/table.json'), '');

    const second = await runReady();

    expect(second.output).toMatch(/hub-state\.json/);
    expect(second.output).toMatch(/stored messages could not be read .*storage\.unreadable/);
  });

  test('fails and stops what it started when the app refuses a setting', async () => {
    const cli = run([], { DOWNLINK_RETENTION_DAYS: 'many' });

    expect(await cli.exitCode).toBe(1);
    expect(cli.output).toMatch(/DOWNLINK_RETENTION_DAYS must be a whole number/);
  });
});
