import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import { describeInstance, isRunning, readInstance, type Instance } from './instance.ts';

const LOCK_FILE = /^lock-.+\.json$/;
/** For rivals that withdraw to have done so. */
const PATIENCE_MS = 500;
const POLL_MS = 20;

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * One command per state folder. Everybody writes a file of their own first and looks for others
 * after that: of two, at least the later one sees the other. Who sees nobody alive has the folder;
 * of rivals the one with the lowest token stays. Files of processes that are gone do not count.
 */
export async function lockFolder(folder: string, own: Instance): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `lock-${own.control.token}.json`);
  await writeFile(`${file}.new`, JSON.stringify(own));
  await rename(`${file}.new`, file);
  const release = async (): Promise<void> => rm(file, { force: true });
  try {
    await untilAlone(folder, own);
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function untilAlone(folder: string, own: Instance): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const others = await othersAlive(folder, own);
    const [other] = others;
    if (other === undefined) return;
    const stays = others.every(({ control }) => own.control.token < control.token);
    if (!stays || Date.now() > deadline) {
      throw new CliError(
        `${folder} is in use by ${describeInstance(other)}. Stop that first, or start in another folder.`,
      );
    }
    await delay(POLL_MS);
  }
}

async function othersAlive(folder: string, own: Instance): Promise<Instance[]> {
  const files = (await readdir(folder)).filter((name) => LOCK_FILE.test(name));
  const instances = await Promise.all(
    files.map(async (name) => readAlive(path.join(folder, name), own)),
  );
  return instances.filter((instance) => instance !== undefined);
}

async function readAlive(file: string, own: Instance): Promise<Instance | undefined> {
  const instance = await readInstance(file);
  if (instance?.control.token === own.control.token) return undefined;
  if (instance !== undefined && (await isRunning(instance))) return instance;
  await rm(file, { force: true });
  return undefined;
}
