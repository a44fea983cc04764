import { randomUUID } from 'node:crypto';
import { openControlSocket } from './control-socket.ts';
import { lockFolder, type FolderLock } from './folder-lock.ts';
import type { Instance } from './instance.ts';
import { announceInstance } from './running-instances.ts';

export interface Claim {
  /** The ports that this process answers for, so that others can name it as their holder. */
  announce(ports: number[]): Promise<void>;
  stop(): Promise<void>;
}

/** This process as a running command; with a state folder of its own, the only one in there. */
export async function claim(command: string, folder: string | undefined): Promise<Claim> {
  const token = randomUUID();
  const control = await openControlSocket(token);
  const instance: Instance = {
    command,
    pid: process.pid,
    startedAt: new Date().toISOString(),
    folder: folder ?? process.cwd(),
    ports: [],
    control: { port: control.port, token },
  };
  let lock: FolderLock | undefined;
  try {
    lock = folder === undefined ? undefined : await lockFolder(folder, instance);
  } catch (error) {
    await control.close();
    throw error;
  }
  let withdraw: (() => Promise<void>) | undefined;
  return {
    announce: async (ports) => {
      withdraw = await announceInstance({ ...instance, ports });
    },
    stop: async () => {
      await withdraw?.();
      await lock?.release();
      await control.close();
    },
  };
}
