import type { EventHubConsumerClient } from '@azure/event-hubs';
import { HostError } from '../host-error.ts';
import type { EventHubTrigger } from './event-hub-trigger.ts';
import { letLinksHaveNoAddress } from './link-address.ts';
import { LOOK_INTERVAL_MS } from './partition-ids.ts';
import { TableCheckpoints } from './table-checkpoints.ts';

const CHECKPOINT_TABLE = 'DownlinkHostEventHubCheckpoints';

/** The delays of Azure's host; the SDK for Node waits half a minute. https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs#hostjson-settings */
const RETRY = { maxRetries: 3, retryDelayInMs: 800, maxRetryDelayInMs: 60_000 };

export async function connectEventHub(
  functionName: string,
  trigger: EventHubTrigger,
): Promise<{ connect: () => EventHubConsumerClient; checkpoints: TableCheckpoints }> {
  // Large, and of no use to an app without Event Hubs functions.
  const [{ EventHubConsumerClient: Client }, { TableClient }, { default: rhea }] =
    await Promise.all([
      import('@azure/event-hubs'),
      import('@azure/data-tables'),
      import('rhea-promise'),
    ]);
  letLinksHaveNoAddress(rhea.Receiver);
  try {
    const checkpoints = new TableCheckpoints(
      TableClient.fromConnectionString(trigger.storageConnectionString, CHECKPOINT_TABLE, {
        allowInsecureConnection: true,
      }),
    );
    const connect = () =>
      new Client(trigger.consumerGroup, trigger.connectionString, checkpoints, {
        retryOptions: RETRY,
        // What an error ended is begun again after this time.
        loadBalancingOptions: { updateIntervalInMs: LOOK_INTERVAL_MS },
      });
    // Throws now if it cannot be read; it connects only once it is used.
    connect();
    return { connect, checkpoints };
  } catch (error) {
    // Its message may hold a connection string.
    throw new HostError(
      `${functionName}: the connection string of its event hub or of AzureWebJobsStorage cannot be read`,
      { cause: error },
    );
  }
}
