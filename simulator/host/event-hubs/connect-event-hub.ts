import type { EventHubConsumerClient } from '@azure/event-hubs';
import { HostError } from '../host-error.ts';
import type { EventHubTrigger } from './event-hub-trigger.ts';
import { TableCheckpoints } from './table-checkpoints.ts';

const CHECKPOINT_TABLE = 'DownlinkHostEventHubCheckpoints';
/** A hub that was away is looked for again this often. */
const LOOK_INTERVAL_MS = 1_000;

export async function connectEventHub(
  functionName: string,
  trigger: EventHubTrigger,
): Promise<{ client: EventHubConsumerClient; checkpoints: TableCheckpoints }> {
  // Large, and of no use to an app without Event Hubs functions.
  const [{ EventHubConsumerClient: Client }, { TableClient }] = await Promise.all([
    import('@azure/event-hubs'),
    import('@azure/data-tables'),
  ]);
  try {
    const checkpoints = new TableCheckpoints(
      TableClient.fromConnectionString(trigger.storageConnectionString, CHECKPOINT_TABLE, {
        allowInsecureConnection: true,
      }),
    );
    const client = new Client(trigger.consumerGroup, trigger.connectionString, checkpoints, {
      loadBalancingOptions: { strategy: 'greedy', updateIntervalInMs: LOOK_INTERVAL_MS },
    });
    return { client, checkpoints };
  } catch (error) {
    // Its message may hold a connection string.
    throw new HostError(
      `${functionName}: the connection string of its event hub or of AzureWebJobsStorage cannot be read`,
      { cause: error },
    );
  }
}
