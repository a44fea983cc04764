import { cp, mkdtemp, rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CliProcess } from './cli-process.ts';

const simulator = path.resolve(import.meta.dirname, '../../../simulator');

async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  const cli = new CliProcess(args, { env });
  return { exitCode: await cli.exitCode, output: cli.output };
}

describe('downlink', () => {
  test.each([[['--help']], [['help']], [['-h']]])('lists its commands for %j', async (args) => {
    const { exitCode, output } = await run(args);

    expect(exitCode).toBe(0);
    expect(output).toMatch(/^ {2}start .*\n {2}hub /m);
  });

  test.each(['start', 'hub'])('explains %s with its settings', async (command) => {
    const { exitCode, output } = await run([command, '--help']);

    expect(exitCode).toBe(0);
    expect(output).toMatch(/DOWNLINK_HUB_AMQP_PORT .*5671/);
  });

  test.each([
    ['no command', [], 'Usage: downlink <command>'],
    ['an unknown command', ['begin'], 'there is no command "begin"'],
    ['an unknown option', ['hub', '--port', '1'], "Unknown option '--port'"],
    ['an option without its value', ['hub', '--data'], '--data'],
    ['too many arguments', ['start', 'now'], "Unexpected argument 'now'"],
  ])('exits with 2 on %s', async (_, args, message) => {
    const { exitCode, output } = await run(args);

    expect(exitCode).toBe(2);
    expect(output).toContain(message);
  });

  test.each(['start', 'hub'])('exits with 2 when %s has a wrong setting', async (command) => {
    const { exitCode, output } = await run([command], { DOWNLINK_HUB_MQTT_PORT: 'mqtt' });

    expect(exitCode).toBe(2);
    expect(output).toContain('DOWNLINK_HUB_MQTT_PORT is "mqtt"');
  });

  test('says what to do when it is not built', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'unbuilt-'));
    await cp(path.join(simulator, 'bin'), path.join(folder, 'bin'), { recursive: true });
    await cp(path.join(simulator, 'package.json'), path.join(folder, 'package.json'));

    const { status, stderr } = spawnSync(process.execPath, [path.join(folder, 'bin/downlink.js')]);

    expect(status).toBe(1);
    expect(stderr.toString('utf8')).toBe('Downlink is not built yet. Run: npm run build\n');
    await rm(folder, { recursive: true });
  });
});
