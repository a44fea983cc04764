import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startSimulatedDevice } from '../../../simulator/devices/simulated-device.ts';
import { signToken } from '../hub/https/a-hub.ts';
import { CliProcess } from './cli-process.ts';

let folder: string;
const processes: CliProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'hub-command-'));
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map(async (cli) => cli.end('SIGTERM')));
  await rm(folder, { recursive: true });
});

function run(args: string[], env: NodeJS.ProcessEnv = {}): CliProcess {
  const cli = new CliProcess(args, { cwd: folder, env });
  processes.push(cli);
  return cli;
}

async function runReady(args: string[], env: NodeJS.ProcessEnv = {}): Promise<CliProcess> {
  const cli = run(args, env);
  await cli.printed(/Ctrl-C stops/);
  return cli;
}

const deviceOf = async (cli: CliProcess): Promise<string> =>
  cli.printed(/device-1 +(HostName=\S+)/);

/** By the admin API. */
async function settingsOf(cli: CliProcess): Promise<unknown> {
  const port = Number(await cli.printed(/WebSockets (\d+)/));
  const ca = await readFile(await cli.printed(/Hub authority +(\S+)/), 'utf8');
  const owner = await cli.printed(/service +(HostName=\S+)/);
  const key = /SharedAccessKey=(\S+)/.exec(owner)?.[1] ?? '';
  const headers = { authorization: signToken('localhost', key, 'iothubowner') };
  return new Promise((resolve, reject) => {
    https
      .get({ host: 'localhost', port, ca, headers, path: '/$downlink/settings' }, (response) => {
        void json(response).then(resolve, reject);
      })
      .on('error', reject);
  });
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

describe('downlink hub', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'takes a device by what it prints, and leaves nothing after %s',
    async (signal) => {
      const cli = await runReady(['hub']);
      const authorityFile = await cli.printed(/Hub authority +(\S+)/);
      const mqttPort = Number(await cli.printed(/MQTTS (\d+)/));
      const device = await startSimulatedDevice({
        connectionString: await deviceOf(cli),
        gatewayHostName: `localhost:${mqttPort}`,
        certificateAuthorityPem: await readFile(authorityFile, 'utf8'),
        print: () => {},
      });
      expect(device.isConnected).toBe(true);
      await device.stop();

      expect(await cli.end(signal)).toBe(0);

      expect(existsSync(authorityFile)).toBe(false);
      expect(await isListening(mqttPort)).toBe(false);
    },
  );

  test('has the same keys again with --data, also after it was killed', async () => {
    const first = await runReady(['hub', '--data', 'state']);
    const connectionString = await deviceOf(first);
    await first.end('SIGKILL');
    const second = await runReady(['hub', '--data', 'state']);
    expect(await deviceOf(second)).toBe(connectionString);

    await second.end();

    expect(await deviceOf(await runReady(['hub', '--data', 'state']))).toBe(connectionString);
  });

  test('has the name of --host-name', async () => {
    const cli = await runReady(['hub', '--host-name', '127.0.0.1']);

    expect(await deviceOf(cli)).toMatch(/^HostName=127\.0\.0\.1;/);
  });

  test('begins with the devices of --seed, in the size of --sku', async () => {
    const devices = Array.from({ length: 12 }, (_, place) => ({ deviceId: `pump-${place}` }));
    await writeFile(path.join(folder, 'devices.json'), JSON.stringify({ devices }));

    const cli = await runReady(['hub', '--seed', 'devices.json', '--sku', 's1', '--units', '2']);

    expect(cli.output).toMatch(/pump-0 +HostName=\S+DeviceId=pump-0;/);
    expect(cli.output).toMatch(/DeviceId=pump-9;.*\(and 2 more\)/);
    expect(cli.output).toMatch(/Limits +2 S1: 800000 messages a day/);
    expect(cli.output).not.toContain('device-1');
  });

  test('names every fault of --seed and starts nothing', async () => {
    await writeFile(path.join(folder, 'devices.json'), '{"devices":[{"deviceId":"a/b"},{}]}');

    const cli = run(['hub', '--seed', 'devices.json']);

    expect(await cli.exitCode).toBe(2);
    expect(cli.output).toMatch(/devices\.0 \(a\/b\): .*\n.*devices\.1: deviceId: /);
  });

  test('has the settings of --settings, and says how often feedback comes', async () => {
    await writeFile(
      path.join(folder, 'settings.json'),
      '{"feedback":{"intervalMs":2500},"cloudToDevice":{"maxQueueDepth":3}}',
    );

    const cli = await runReady(['hub', '--settings', 'settings.json']);

    expect(cli.output).toMatch(/Hub feedback +every 2\.5 s/);
    expect(await settingsOf(cli)).toMatchObject({
      feedback: { intervalMs: 2500, batchSize: 64 },
      cloudToDevice: { maxQueueDepth: 3, maxDeliveryCount: 10 },
    });
  });

  test('keeps its second of feedback when --settings leaves it out', async () => {
    await writeFile(path.join(folder, 'settings.json'), '\uFEFF{"feedback":{"batchSize":1}}');

    const cli = await runReady(['hub', '--settings', 'settings.json']);

    expect(await settingsOf(cli)).toMatchObject({ feedback: { intervalMs: 1000, batchSize: 1 } });
  });

  test('names every fault of --settings and starts nothing', async () => {
    await writeFile(
      path.join(folder, 'bad.json'),
      '{"feedback":{"intervalMs":-1},"twin":{"changeLatencyMs":50}}',
    );

    const cli = run(['hub', '--settings', 'bad.json']);

    expect(await cli.exitCode).toBe(2);
    expect(cli.output).toMatch(
      /bad\.json is not valid:\n +feedback\.intervalMs must be .*\n +twin is not a group/,
    );
  });

  test('is refused a folder that another one uses', async () => {
    const first = await runReady(['hub', '--data', 'state']);

    const second = run(['hub', '--data', 'state']);

    expect(await second.exitCode).toBe(1);
    expect(second.output).toContain(`state is in use by process ${first.pid}, "downlink hub" in`);
  });

  test('names port, setting and process when another one has its port', async () => {
    const first = await runReady(['hub']);
    const port = await first.printed(/AMQPS (\d+)/);

    const second = run(['hub'], { DOWNLINK_HUB_AMQP_PORT: port });

    expect(await second.exitCode).toBe(1);
    expect(second.output).toMatch(
      new RegExp(
        `Port ${port} for the hub's AMQP is taken by process ${first.pid}, .*DOWNLINK_HUB_AMQP_PORT`,
      ),
    );
  });

  test('names port and setting when a stranger has its port', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as net.AddressInfo;

    const cli = run(['hub'], { DOWNLINK_HUB_HTTPS_PORT: String(port) });

    expect(await cli.exitCode).toBe(1);
    expect(cli.output).toContain(
      `Port ${port} for the hub's HTTPS and WebSockets is taken by another program. Stop that, or set DOWNLINK_HUB_HTTPS_PORT`,
    );
    server.close();
  });

  test('says that state it cannot read was replaced', async () => {
    const first = await runReady(['hub', '--data', 'state']);
    await first.end();
    await writeFile(path.join(folder, 'state/hub-state.json'), '{"version":');

    const second = await runReady(['hub', '--data', 'state']);

    expect(second.lines[0]).toMatch(/hub-state\.json/);
  });

  test.each([
    ['is not there', 'nothing.pem', 'nothing.pem cannot be read'],
    ['is no certificate', 'junk.pem', 'must be one certificate in PEM'],
  ])('names a --device-ca that %s', async (_, file, said) => {
    await writeFile(path.join(folder, 'junk.pem'), 'junk');

    const cli = run(['hub', '--device-ca', file]);

    expect(await cli.exitCode).toBe(2);
    expect(cli.output).toContain(said);
  });

  test('names every fault of an --entra file', async () => {
    await writeFile(
      path.join(folder, 'entra.json'),
      '{"issuers":[],"keys":[{"kty":"RSA","d":"private"}],"roles":[]}',
    );

    const cli = run(['hub', '--entra', 'entra.json']);

    expect(await cli.exitCode).toBe(2);
    expect(cli.output).toMatch(
      /issuers[^]*must be a public key[^]*keys\[0\][^]*"roles"|"roles"[^]*issuers/,
    );
    expect(cli.output).not.toContain('private');
  });
});
