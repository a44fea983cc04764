import { LOCAL_DEVICES, startHubPart } from '../hub-part.ts';
import { claim } from '../instance/claim.ts';
import { inProcessPart } from '../parts/in-process-part.ts';
import type { Parts } from '../parts/parts.ts';
import type { Ports } from '../port-settings.ts';
import { APP_CONSUMER_GROUP } from './app-environment.ts';
import { startApp } from './app-part.ts';
import { withoutProxyForLoopback } from './child-environment.ts';
import { startDevice } from './device-part.ts';
import { StateFolder } from './state-folder.ts';
import { startStorage } from './storage-part.ts';
import { summary } from './summary.ts';
import { waitUntilHealthy } from './wait-until-healthy.ts';

export interface LocalRunOptions {
  parts: Parts;
  ports: Ports;
  env: NodeJS.ProcessEnv;
  stateFolder: string;
  forgetState: boolean;
  print: (line: string) => void;
}

/** Starts everything and says so once all of it answers. */
export async function runLocally(options: LocalRunOptions): Promise<void> {
  const { parts, ports, print } = options;
  const startedAt = performance.now();
  const state = new StateFolder(options.stateFolder);
  const env = withoutProxyForLoopback(options.env);

  const claiming = claim('start', state.root);
  const instance = await parts.start(inProcessPart('lock', claiming), claiming);
  if (options.forgetState) {
    await state.forget();
    print(`The state in ${state.root} is forgotten.`);
  }

  const [hub, storage] = await Promise.all([
    startHubPart({
      parts,
      ports,
      dataFolder: state.hub,
      consumerGroups: [APP_CONSUMER_GROUP],
      print,
    }),
    startStorage({ parts, state, env, print }),
  ]);
  const [app] = await Promise.all([
    startApp({ parts, ports, hub, storage, state, env, print }),
    startDevice({ parts, hub, deviceId: LOCAL_DEVICES[0], print }),
  ]);
  await instance.announce([app.port, ...Object.values(hub.ports)]);
  await waitUntilHealthy(app.url);
  print(
    summary({
      app,
      hub,
      storage,
      state,
      env,
      startSeconds: (performance.now() - startedAt) / 1000,
    }),
  );
}
