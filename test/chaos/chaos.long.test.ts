import { execFile } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function chaos(...options: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const command = ['run', '--silent', 'chaos', '--', ...options];
    execFile('npm', command, { shell: process.platform === 'win32' }, (error, stdout, stderr) => {
      const code = error ? Number(error.code) : 0;
      resolve({ code, output: `${stdout}\n${stderr}` });
    });
  });
}

const countOf = (row: string, output: string) =>
  Number(new RegExp(`^${row} +(\\d+)$`, 'm').exec(output)?.[1]);

describe('npm run chaos', () => {
  test('loses nothing, gets nothing wrong and sends nothing twice', async () => {
    const { code, output } = await chaos('--commands', '3000', '--kills', '12', '--faults', '60');

    process.stdout.write(`${output}\n`);
    expect(output).toMatch(/^lost +0$/m);
    expect(output).toMatch(/^wrong state +0$/m);
    expect(output).toMatch(/^never final +0$/m);
    expect(output).toMatch(/^sent twice +0$/m);
    expect(code).toBe(0);
  });

  test.each([
    ['settle-before-store', 'wrong state', 1500],
    ['no-lease', 'sent twice', 400],
  ])('sees %s, broken on purpose, in one run of three', async (promise, fault, commands) => {
    const few = ['--commands', String(commands), '--kills', '6', '--faults', '15'];
    for (const seed of ['1', '2', '3']) {
      const { code, output } = await chaos(
        '--break',
        promise,
        '--seed',
        seed,
        '--callers',
        '16',
        ...few,
      );
      // Whether a kill strikes at the wrong moment is chance, whatever the seed.
      if (countOf(fault, output) === 0) continue;
      expect(code).toBe(1);
      return;
    }
    throw new Error(`'${fault}' was not seen`);
  });
});
