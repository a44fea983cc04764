import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { errorCode } from '../error-code.ts';
import { isRunning, readInstance, type Instance } from './instance.ts';

// Per user: in a shared folder for temporary files another user's would not be ours to write.
const defaultFolder = path.join(os.tmpdir(), `downlink-${process.getuid?.() ?? 'instances'}`);

/** Lets other commands of this user, started anywhere, say who holds a port. */
export async function announceInstance(
  instance: Instance,
  folder = defaultFolder,
): Promise<() => Promise<void>> {
  const file = path.join(folder, `${instance.control.token}.json`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, JSON.stringify(instance), { mode: 0o600 });
  return async () => rm(file, { force: true });
}

export async function findInstanceOnPort(
  port: number,
  folder = defaultFolder,
): Promise<Instance | undefined> {
  for (const file of await announcements(folder)) {
    const instance = await readInstance(file);
    if (instance === undefined) continue;
    const runs = await isRunning(instance);
    if (runs && instance.ports.includes(port)) return instance;
    if (!runs) await rm(file, { force: true });
  }
  return undefined;
}

async function announcements(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).map((name) => path.join(folder, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
