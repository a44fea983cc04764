import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ChildPart } from '../../../../simulator/cli/parts/child-part.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'child-part-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function child(script: string): Promise<{ part: ChildPart; lines: string[] }> {
  const entryPoint = path.join(folder, 'child.mjs');
  await writeFile(entryPoint, script);
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
  };
  const part = new ChildPart({ name: 'app', entryPoint, args: ['a b'], env: { MINE: '1' }, print });
  return { part, lines };
}

const readySchema = z.object({ url: z.string() });

describe('ChildPart', () => {
  test('is ready when the child says so, and passes on its lines and what it was given', async () => {
    const { part, lines } = await child(`
      console.log(process.argv[2], process.env.MINE);
      console.error('to stderr');
      process.send({ type: 'progress' });
      process.send({ type: 'ready', url: 'http://localhost' });
      process.on('disconnect', () => { console.log('last words'); process.exit(); });
    `);

    expect(await part.ready(readySchema)).toEqual({ url: 'http://localhost' });

    await part.stop();
    expect(lines.toSorted()).toEqual(['a b 1', 'last words', 'to stderr']);
  });

  test('fails with what the child says', async () => {
    const { part } = await child(`
      process.send({ type: 'failed', message: 'no room', port: 7071 }, () => process.exit(1));
    `);

    await expect(part.ready(readySchema)).rejects.toMatchObject({
      message: 'no room',
      details: { port: 7071 },
    });
  });

  test('fails when the child ends without a word', async () => {
    const { part } = await child('process.exit(4)');

    await expect(part.ready(readySchema)).rejects.toThrow('The app ended with exit code 4');
    await part.stop();
  });

  test('fails on a ready message that it does not understand', async () => {
    const { part } = await child(`process.send({ type: 'ready' })`);

    await expect(part.ready(readySchema)).rejects.toThrow('sent what we do not know');
    await part.stop();
  });

  test('says how the child ended by itself', async () => {
    const { part } = await child(`
      process.send({ type: 'ready', url: '' });
      process.on('message', () => {});
      process.kill(process.pid, 'SIGKILL');
    `);

    expect(await part.ended).toBe('was ended by SIGKILL');
  });

  test('ends a child at once that is still starting', async () => {
    const { part } = await child('setInterval(() => {}, 1000);');

    await expect(part.stop()).resolves.toBeUndefined();
  });

  test('ends a child that does not stop', async () => {
    const { part } = await child(`
      process.on('SIGTERM', () => {});
      setInterval(() => {}, 1000);
      process.send({ type: 'ready', url: '' });
    `);
    await part.ready(readySchema);

    await expect(part.stop(100)).resolves.toBeUndefined();
  });
});
