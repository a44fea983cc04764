import { once } from 'node:events';
import http from 'node:http';
import net, { type Server } from 'node:net';
import { fork } from 'node:child_process';
import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { listenOnLoopback } from '../../../simulator/loopback/listen.ts';
import { until } from '../../support/until.ts';
import {
  hostEntryPoint,
  refusal,
  spawnHost,
  startHost,
  writeApp,
  type HostProcess,
} from './host-process.ts';

const LIBRARY = "import { app } from '@azure/functions';\n";
const HELLO = "app.get('hello', { authLevel: 'anonymous', handler: () => ({ body: 'hello' }) });\n";

// Each call of /held is answered once /release was called; the end of the app is announced.
const HELD = `${LIBRARY}
let release;
const released = new Promise((resolve) => { release = resolve; });
app.hook.appTerminate(() => { console.log('said goodbye'); });
app.get('held', { authLevel: 'anonymous', handler: async (_, context) => {
  context.log('is held');
  await released;
  return { body: 'released' };
} });
process.on('SIGUSR2', () => { release(); });
`;

let hello: string;
let held: string;
const servers: Server[] = [];

beforeAll(async () => {
  [hello, held] = await Promise.all([
    writeApp({ 'index.js': LIBRARY + HELLO }),
    writeApp({ 'index.js': HELD }),
  ]);
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function appOf(source: string) {
  return writeApp({ 'index.js': LIBRARY + source });
}

describe('the host refuses', () => {
  test.each<[string, string, string]>([
    ['no function at all', '', 'registered no function'],
    [
      'an app that throws as it is loaded',
      "throw new Error('DOWNLINK_X is not set');",
      'The app failed as it was loaded: DOWNLINK_X is not set',
    ],
    [
      'a function twice',
      `${HELLO}app.get('Hello', { handler: () => ({}) });`,
      '"Hello" is registered twice',
    ],
    ['a name that is none', "app.get('1st', { handler: () => ({}) });", '"1st" cannot be the name'],
    [
      'an appStart hook that fails',
      `${HELLO}app.hook.appStart(() => { throw new Error('no'); });`,
      'appStart hook of the app failed: no',
    ],
    ['HTTP streams', `app.setup({ enableHttpStream: true }); ${HELLO}`, 'HTTP streams'],
    [
      'an unknown hook',
      `${HELLO}import('node:module').then(({ createRequire }) => 0); const { createRequire } = await import('node:module'); createRequire(import.meta.url)('@azure/functions-core').registerHook('other', () => 0);`,
      'Unrecognized hook "other"',
    ],
  ])('%s', async (_, source, reason) => {
    expect(await refusal(await appOf(source))).toContain(reason);
  });

  test('all that it does not imitate, by name', async () => {
    const handler = 'handler: () => ({})';
    const root = await appOf(`
      import { input, output } from '@azure/functions';
      app.storageBlob('blob', { path: 'a/b', connection: 'X', ${handler} });
      app.eventHub('events', { eventHubName: '', connection: 'X', ${handler} });
      app.serviceBusQueue('bus', { queueName: 'q', connection: 'X', ${handler} });
      app.get('reads', { extraInputs: [input.storageBlob({ path: 'a', connection: 'X' })], ${handler} });
      app.get('writes', { extraOutputs: [output.storageQueue({ queueName: 'q', connection: 'X' })], ${handler} });
      app.timer('retries', { schedule: '00:01:00', retry: { strategy: 'fixedDelay', maxRetryCount: 1, delayInterval: 1 }, ${handler} });
      app.timer('monitored', { schedule: '0 */5 * * * *', useMonitor: true, ${handler} });
      app.timer('fiveFields', { schedule: '*/5 * * * *', ${handler} });
      app.timer('unset', { schedule: '%NOT_SET%', ${handler} });
      app.get('pattern', { route: '{id:regex(^a$)}', ${handler} });
      app.get('reserved', { route: 'admin/x', ${handler} });
      app.storageQueue('identity', { queueName: 'orders', connection: 'ByIdentity', ${handler} });
      app.storageQueue('badName', { queueName: 'no_name', connection: 'X', ${handler} });
    `);

    const message = await refusal(root, {
      environment: { X: 'UseDevelopmentStorage=true', ByIdentity__queueServiceUri: 'https://x' },
    });

    expect(message.split('\n').slice(1)).toEqual([
      expect.stringContaining('blob: the trigger "blobtrigger" is not imitated'),
      expect.stringContaining('events: "eventHubName" is missing'),
      expect.stringContaining('bus: the trigger "servicebustrigger" is not imitated'),
      expect.stringContaining('reads: the input binding "blob" is not imitated'),
      expect.stringContaining('writes: the output binding "queue" is not imitated'),
      expect.stringContaining('retries: retry policies are imitated for Event Hubs triggers only'),
      expect.stringContaining('monitored: "useMonitor" needs --state-folder'),
      expect.stringContaining('fiveFields: the schedule "*/5 * * * *" needs six fields'),
      expect.stringContaining('unset: the setting NOT_SET of "%NOT_SET%" is not set'),
      expect.stringContaining(
        'pattern: the route "{id:regex(^a$)}" cannot be used: the route constraint "regex(^a$)" is not imitated',
      ),
      expect.stringContaining('reserved: the route "admin/x" begins with "admin"'),
      expect.stringContaining('identity: ByIdentity__queueServiceUri connects by identity'),
      expect.stringContaining('badName: "no_name" cannot be a queue\'s name'),
    ]);
  });

  test.each<[string, Record<string, string>, string]>([
    ['a host.json with faults', { 'host.json': '{ "version": "1.0" }' }, 'version: '],
    [
      'a package.json without main',
      { 'package.json': '{ "type": "module" }' },
      'package.json cannot be used',
    ],
    [
      'an app that is not built',
      { 'package.json': '{ "main": "dist/index.js" }' },
      'Is the app built?',
    ],
    [
      'a main of many files',
      { 'package.json': '{ "main": "src/*.js" }' },
      'is the pattern "src/*.js"',
    ],
    [
      'encrypted settings',
      { 'local.settings.json': '{ "IsEncrypted": true }' },
      'local.settings.json cannot be used',
    ],
  ])('%s', async (_, files, reason) => {
    expect(await refusal(await writeApp(files))).toContain(reason);
  });

  test.each<[string, string[], Record<string, string>, string]>([
    [
      'the known key for others than this machine',
      ['--port', '0', '--hosts', '0.0.0.0'],
      {},
      'set DOWNLINK_FUNCTION_KEY to a secret',
    ],
    [
      'the known key as master key for others',
      ['--port', '0', '--hosts', '127.0.0.1,0.0.0.0'],
      { DOWNLINK_FUNCTION_KEY: 'secret', DOWNLINK_MASTER_KEY: 'local-development-key' },
      'known to everybody',
    ],
    ['an empty key', ['--port', '0'], { DOWNLINK_FUNCTION_KEY: '' }, 'must not be empty'],
    ['a port that is none', ['--port', '70000'], {}, '"70000" is no port'],
    ['an unknown option', ['--prot', '0'], {}, "Unknown option '--prot'"],
    [
      'a hub that cannot be read',
      ['--port', '0'],
      { DOWNLINK_SIMULATED_HUB: '{"hostName":""}' },
      'DOWNLINK_SIMULATED_HUB cannot be used',
    ],
    [
      'a time zone',
      ['--port', '0'],
      { WEBSITE_TIME_ZONE: 'Europe/Berlin' },
      'WEBSITE_TIME_ZONE is not imitated',
    ],
  ])('%s', async (_, parameters, environment, reason) => {
    expect(await refusal(hello, { arguments: parameters, environment })).toContain(reason);
  });

  test('a port that is taken, and says which setting chooses another', async () => {
    const taken = await listenOnLoopback(() => net.createServer(), 0, ['::1']);
    servers.push(...taken.servers);

    const host = await spawnHost(hello, {
      environment: { DOWNLINK_PORT: `${taken.port}` },
      arguments: [],
    });
    const code = await host.exited;

    const message = `Port ${taken.port} is taken on ::1. Stop what listens there, or set DOWNLINK_PORT`;
    expect(code).toBe(1);
    expect(host.messages).toEqual([
      { type: 'failed', portTaken: true, message: expect.stringContaining(message) },
    ]);
    expect(host.output).toContain(message);
  });
});

describe('the host', () => {
  test('listens beyond this machine with a key of its own', async () => {
    const host = await startHost(hello, {
      arguments: ['--port', '0', '--hosts', '0.0.0.0', '--quiet'],
      environment: { DOWNLINK_FUNCTION_KEY: 'a secret' },
    });

    // fetch would send a Host header of its own.
    const request = http.get(`${host.url}/hello`, { headers: { host: 'downlink.example' } });
    const [answer]: http.IncomingMessage[] = await once(request, 'response');

    expect([answer?.statusCode, host.output]).toEqual([200, '']);
    answer?.resume();
    expect(await host.stop()).toBe(0);
  });

  test('ends with what the app failed of outside of any function', async () => {
    const host = await startHost(
      await appOf(`${HELLO}
      app.get('leaks', { authLevel: 'anonymous', handler: () => {
        setImmediate(() => { throw new Error('left alone'); });
        return {};
      } });`),
    );

    await host.fetch('/leaks').catch(() => undefined);
    const code = await host.exited;

    expect(code).toBe(1);
    expect(host.output).toMatch(
      /functions host: The app failed outside of any function: Error: left alone/,
    );
  });
});

describe('stopping the host', () => {
  async function startHeld(): Promise<[HostProcess, Promise<Response>]> {
    const host = await startHost(held);
    const answer = host.fetch('/held');
    await host.printed('is held');
    return [host, answer];
  }

  async function takesNothingNew(host: HostProcess): Promise<void> {
    await until('it takes nothing new', async () =>
      host.fetch('/unknown').then(
        () => false,
        () => true,
      ),
    );
  }

  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    'by %s takes nothing new, answers what runs and says goodbye',
    async (signal) => {
      const [host, answer] = await startHeld();

      host.child.kill(signal);
      await takesNothingNew(host);
      host.child.kill('SIGUSR2');

      const response = await answer;
      expect([await response.text(), response.headers.get('connection')]).toEqual([
        'released',
        'close',
      ]);
      const code = await host.exited;
      expect([code, host.output]).toEqual([0, expect.stringContaining('said goodbye')]);
    },
  );

  test('by a second signal ends it at once', async () => {
    const [host, answer] = await startHeld();
    const failed = answer.catch(() => 'cut');

    host.child.kill('SIGTERM');
    await takesNothingNew(host);
    host.child.kill('SIGTERM');

    const code = await host.exited;
    expect([code, await failed]).toEqual([1, 'cut']);
    expect(host.output).not.toContain('said goodbye');
  });

  test('is what the loss of its parent does, also while the app is loading', async () => {
    const [host, answer] = await startHeld();
    host.child.disconnect();
    host.child.kill('SIGUSR2');
    expect(await (await answer).text()).toBe('released');
    expect(await host.exited).toBe(0);

    const endless = await spawnHost(
      await appOf('await new Promise((done) => setInterval(done.bind, 1e6));'),
    );
    endless.child.disconnect();
    expect(await endless.exited).toBe(0);
  });

  test('follows a parent that is killed', async () => {
    // A parent that starts the host, tells where it is, and is killed.
    const parentFile = path.join(hello, 'parent.mjs');
    await writeFile(
      parentFile,
      `
      import { fork } from 'node:child_process';
      const child = fork(${JSON.stringify(await hostEntryPoint())}, [${JSON.stringify(hello)}, '--port', '0']);
      child.once('message', ({ url }) => process.send(url));
    `,
    );
    const parent = fork(parentFile, { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const [url]: string[] = await once(parent, 'message');
    if (url === undefined) throw new Error('the parent did not say where the host is');

    parent.kill('SIGKILL');

    const gone = until('the host has gone', async () =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    );
    await expect(gone).resolves.toBe(true);
  });
});
