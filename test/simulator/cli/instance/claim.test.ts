import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { claim, type Claim } from '../../../../simulator/cli/instance/claim.ts';
import { findInstanceOnPort } from '../../../../simulator/cli/instance/running-instances.ts';

let folder: string;
const claims: Claim[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'claim-'));
});
afterEach(async () => {
  await Promise.all(claims.splice(0).map(async (claimed) => claimed.stop()));
  await rm(folder, { recursive: true });
});

async function claimIt(): Promise<Claim> {
  const claimed = await claim('start', folder);
  claims.push(claimed);
  return claimed;
}

async function lockFile(): Promise<string> {
  const [name = 'none'] = await readdir(folder);
  return path.join(folder, name);
}

/** As a process leaves it that was killed. */
async function leaveStaleLock(change: (lock: string) => string = (lock) => lock): Promise<void> {
  const claimed = await claim('start', folder);
  const file = await lockFile();
  const lock = await readFile(file, 'utf8');
  await claimed.stop();
  await writeFile(file, change(lock));
}

describe('claim', () => {
  test('refuses a folder that is in use, and names the process', async () => {
    await claimIt();

    await expect(claimIt()).rejects.toThrow(
      `${folder} is in use by process ${process.pid}, "downlink start" in ${folder}`,
    );
  });

  test('lets exactly one of many have the folder', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, claimIt));

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('takes over from a process that is gone, though its number is in use', async () => {
    await leaveStaleLock();

    await claimIt();

    await expect(claimIt()).rejects.toThrow('in use');
  });

  test('lets exactly one of many take over', async () => {
    await leaveStaleLock();

    const results = await Promise.allSettled(Array.from({ length: 8 }, claimIt));

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(folder)).toHaveLength(1);
  });

  test('is not deceived by another program on the port of one that is gone', async () => {
    const server = net.createServer((socket) => socket.end('HTTP/1.1 400 Bad Request'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    await leaveStaleLock((lock) =>
      lock.replace(/"control":\{"port":\d+/, `"control":{"port":${port}`),
    );

    await expect(claimIt()).resolves.toBeDefined();
    server.close();
  });

  test.each([
    ['empty', ''],
    ['cut off', '{"command":"start","pid"'],
    ['of another kind', '{"pid":1}'],
  ])('takes over a lock that is %s', async (_, content) => {
    await writeFile(path.join(folder, 'lock-0.json'), content);

    await claimIt();

    expect(await readFile(await lockFile(), 'utf8')).toContain(`"pid":${process.pid},`);
  });

  test('leaves nothing behind', async () => {
    const claimed = await claim('start', folder);
    await claimed.announce([54_321]);
    await claimed.stop();

    expect(await readdir(folder)).toEqual([]);
    expect(await findInstanceOnPort(54_321)).toBeUndefined();
  });

  test('lets others find who holds a port', async () => {
    const claimed = await claim('hub', undefined);
    claims.push(claimed);
    await claimed.announce([54_322, 54_323]);

    expect(await findInstanceOnPort(54_323)).toMatchObject({ command: 'hub', pid: process.pid });
    expect(await findInstanceOnPort(54_324)).toBeUndefined();
  });
});
