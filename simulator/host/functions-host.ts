import { createServer } from 'node:http';
import { listenOnLoopback } from '../loopback/listen.ts';
import { createAdmin } from './admin.ts';
import { startApp } from './core-module/start-app.ts';
import { hasHttpTrigger, summarize, type FunctionSummary } from './function-definition.ts';
import type { HostLog } from './host-log.ts';
import type {
  AppServiceAuthentication,
  AuthenticationSettings,
} from './http/app-service-authentication.ts';
import { FunctionKeys, refuseUnsafeKeys } from './http/function-keys.ts';
import { HttpFront } from './http/http-front.ts';
import { isLoopbackHost } from './http/loopback-host.ts';
import { Invocations } from './invocations.ts';
import { createListeners } from './listeners.ts';
import { readFunctions } from './read-functions.ts';
import { readHostJson } from './settings/host-json.ts';
import { prepareEnvironment, setHostName } from './settings/environment.ts';
import { closeNow, shutDown } from './shut-down.ts';

export interface FunctionsHostOptions {
  /** Where host.json and package.json are. */
  readonly appRoot: string;
  /** 0: any free one. */
  readonly port: number;
  readonly hosts: readonly string[];
  readonly functionKey: string;
  readonly masterKey: string;
  /** Where timers remember when they are due; without it they forget. */
  readonly stateFolder: string | undefined;
  readonly log: HostLog;
  /** Imitates App Service authentication; the app is told so by the environment. */
  readonly authentication?: AuthenticationSettings | undefined;
}

export interface FunctionsHost {
  readonly url: string;
  readonly port: number;
  readonly functions: readonly FunctionSummary[];
  stop(): Promise<void>;
}

// Kestrel's, which the real host uses.
const SERVER_OPTIONS = { keepAliveTimeout: 130_000, maxHeaderSize: 32_768 };

/** One host in a process: the app is loaded into it and reads its environment. */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const { appRoot, hosts, functionKey, masterKey, stateFolder, log } = options;
  const environment = process.env;
  const isLoopbackOnly = hosts.every(isLoopbackHost);
  refuseUnsafeKeys([functionKey, masterKey], isLoopbackOnly);
  await prepareEnvironment(appRoot, environment);
  const hostJson = await readHostJson(appRoot, environment);

  const keys = new FunctionKeys(functionKey, masterKey);
  const authentication = await authenticationFor(options.authentication);
  const front = new HttpFront({ keys, isLoopbackOnly, log, authentication });
  const { port, servers } = await listenOnLoopback(
    () => createServer(SERVER_OPTIONS, (request, response) => front.handle(request, response)),
    options.port,
    hosts,
  );
  try {
    const hostName = `${isLoopbackOnly ? 'localhost' : publicName(hosts)}:${String(port)}`;
    setHostName(hostName, environment);
    const app = await startApp(appRoot, log);
    const { routePrefix, functionTimeoutMs } = hostJson;
    const hasStateFolder = stateFolder !== undefined;
    const functions = readFunctions(app.functions, { routePrefix, environment, hasStateFolder });
    const invocations = new Invocations({ app, timeoutMs: functionTimeoutMs, log });
    const listeners = await createListeners(functions, { hostJson, invocations, stateFolder, log });

    front.open({
      functions: functions.filter(hasHttpTrigger),
      admin: createAdmin(appRoot, functions, listeners),
      run: async (registered, input) => invocations.run(registered, () => input),
    });
    for (const { name, isDisabled } of functions) {
      if (isDisabled) log.write('information', name, 'is disabled');
      else await listeners.get(name)?.start();
    }
    const parts = { app, invocations, front, servers, listeners: listeners.values(), log };
    return {
      url: `http://${hostName}`,
      port,
      functions: functions.map(summarize),
      stop: async () => shutDown(parts),
    };
  } catch (error) {
    await closeNow(servers);
    throw error;
  }
}

/** What it takes is loaded only where it is asked for. */
async function authenticationFor(
  settings: AuthenticationSettings | undefined,
): Promise<AppServiceAuthentication | undefined> {
  if (settings === undefined) return undefined;
  const { AppServiceAuthentication: Loaded } = await import('./http/app-service-authentication.ts');
  return new Loaded(settings);
}

/** A name for links: an address that stands for all of the machine's is none. */
function publicName(hosts: readonly string[]): string {
  const host = hosts.find((each) => !isLoopbackHost(each) && each !== '0.0.0.0' && each !== '::');
  if (host === undefined) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
