import { HostError } from '../host-error.ts';
import { readLocalSettings } from './local-settings.ts';

/** Lays local.settings.json, and what Azure sets by itself, beneath the environment. */
export async function prepareEnvironment(
  appRoot: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const settings = {
    ...(await readLocalSettings(appRoot)),
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    FUNCTIONS_WORKER_RUNTIME: 'node',
  };
  for (const [name, value] of Object.entries(settings)) environment[name] ??= value;
  if (environment['WEBSITE_TIME_ZONE'] !== undefined) {
    throw new HostError(
      'WEBSITE_TIME_ZONE is not imitated: schedules are in UTC, as on Linux plans.',
    );
  }
}

/** Where the app is reached, as Azure tells it. */
export function setHostName(hostName: string, environment: NodeJS.ProcessEnv): void {
  environment['WEBSITE_HOSTNAME'] ??= hostName;
}
