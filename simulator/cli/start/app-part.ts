import { z } from 'zod';
import type { SimulatedHub } from '../../hub/simulated-hub.ts';
import { appRoot, builtEntryPoint } from '../package-root.ts';
import { ChildFailedError, ChildPart } from '../parts/child-part.ts';
import type { Parts } from '../parts/parts.ts';
import type { Ports } from '../port-settings.ts';
import { portTaken } from '../port-taken.ts';
import { appEnvironment } from './app-environment.ts';
import type { StateFolder } from './state-folder.ts';
import type { ReadyStorage } from './storage-part.ts';

const readySchema = z.object({ url: z.string(), port: z.int() });

export type ReadyApp = z.infer<typeof readySchema>;

export interface AppOptions {
  parts: Parts;
  ports: Ports;
  hub: SimulatedHub;
  storage: ReadyStorage;
  state: StateFolder;
  env: NodeJS.ProcessEnv;
  print: (line: string) => void;
}

export async function startApp(options: AppOptions): Promise<ReadyApp> {
  const { parts, ports, hub, storage, state, env, print } = options;
  const child = new ChildPart({
    name: 'app',
    entryPoint: builtEntryPoint('host'),
    args: [appRoot, '--port', String(ports.app), '--state-folder', state.host],
    env: appEnvironment(env, hub, storage),
    print: (line) => print(`app | ${line}`),
  });
  try {
    return await parts.start(child, child.ready(readySchema));
  } catch (error) {
    const taken = error instanceof ChildFailedError && error.details['portTaken'] === true;
    throw taken ? await portTaken(ports.app, ports, error) : error;
  }
}
