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
    ['settle-before-store', 'wrong state'],
    ['no-lease', 'sent twice'],
  ])('sees %s, broken on purpose', async (promise, fault) => {
    const few = ['--commands', '400', '--kills', '4', '--faults', '20'];
    const { code, output } = await chaos('--break', promise, ...few);

    expect(countOf(fault, output)).toBeGreaterThan(0);
    expect(code).toBe(1);
  });
});
