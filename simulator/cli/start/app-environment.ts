import type { SimulatedHub } from '../../hub/simulated-hub.ts';
import type { ReadyStorage } from './storage-part.ts';

/** The app's own: `$Default` is left to its users. */
export const APP_CONSUMER_GROUP = 'downlink';

const DEFAULT_FUNCTION_KEY = 'local-development-key';

export function functionKey(env: NodeJS.ProcessEnv): string {
  const key = env['DOWNLINK_FUNCTION_KEY'] ?? '';
  return key === '' ? DEFAULT_FUNCTION_KEY : key;
}

/** What the app needs to meet this hub and this storage; every other setting of the user's goes through. */
export function appEnvironment(
  env: NodeJS.ProcessEnv,
  hub: Pick<
    SimulatedHub,
    | 'hostName'
    | 'ports'
    | 'certificateAuthorityFile'
    | 'connectionString'
    | 'eventHubConnectionString'
  >,
  storage: Pick<ReadyStorage, 'connectionString'>,
): NodeJS.ProcessEnv {
  const { hostName, ports, certificateAuthorityFile } = hub;
  return {
    ...env,
    DOWNLINK_AUTH: 'key',
    DOWNLINK_FUNCTION_KEY: functionKey(env),
    DOWNLINK_IOTHUB_CONNECTION_STRING: hub.connectionString(),
    DOWNLINK_EVENT_HUB: hub.eventHubConnectionString(),
    DOWNLINK_EVENT_HUB_CONSUMER_GROUP: APP_CONSUMER_GROUP,
    DOWNLINK_SIMULATED_HUB: JSON.stringify({
      hostName,
      ports: { 5671: ports.amqp, 8883: ports.mqtt, 443: ports.https },
      certificateAuthorityFile,
    }),
    AzureWebJobsStorage: storage.connectionString,
  };
}
