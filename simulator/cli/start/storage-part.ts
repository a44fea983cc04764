import { z } from 'zod';
import { builtEntryPoint } from '../package-root.ts';
import { ChildFailedError, ChildPart } from '../parts/child-part.ts';
import type { Parts } from '../parts/parts.ts';
import type { StateFolder } from './state-folder.ts';

const readySchema = z.object({
  type: z.literal('ready'),
  connectionString: z.string(),
  ports: z.object({ queue: z.int(), table: z.int() }),
});

export type ReadyStorage = z.infer<typeof readySchema>;

export interface StorageOptions {
  parts: Parts;
  state: StateFolder;
  env: NodeJS.ProcessEnv;
  print: (line: string) => void;
}

/** A process of its own: its state is written in one go, which must not hold up the hub. */
export async function startStorage(options: StorageOptions): Promise<ReadyStorage> {
  try {
    return await startOnce(options);
  } catch (error) {
    if (!(error instanceof ChildFailedError) || error.details['stateIsUnreadable'] !== true) {
      throw error;
    }
    const aside = await options.state.setStorageAside();
    options.print(`The stored messages could not be read and were set aside in ${aside}.`);
    return startOnce(options);
  }
}

async function startOnce({ parts, state, env, print }: StorageOptions): Promise<ReadyStorage> {
  const child = new ChildPart({
    name: 'storage emulator',
    entryPoint: builtEntryPoint('storage'),
    args: ['--folder', state.storage],
    env,
    print: (line) => print(`storage | ${line}`),
  });
  return parts.start(child, child.ready(readySchema));
}
