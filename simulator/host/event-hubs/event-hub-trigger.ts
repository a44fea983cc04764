import { z } from 'zod';
import { HostError } from '../host-error.ts';
import { readRetryPolicy, type RetryPolicy } from '../retry-policy.ts';
import { expandSettings, readConnectionString } from '../settings/app-settings.ts';

export interface EventHubTrigger {
  readonly type: 'eventHub';
  readonly bindingName: string;
  /** With the name of the event hub in it. */
  readonly connectionString: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  readonly isMany: boolean;
  /** Whether the function wants bytes instead of text. */
  readonly isBinary: boolean;
  readonly retry: RetryPolicy | undefined;
  /** Where the host remembers how far it has read. */
  readonly storageConnectionString: string;
}

const schema = z.object({
  eventHubName: z.string().default(''),
  connection: z.string(),
  consumerGroup: z.string().default('$Default'),
  cardinality: z.enum(['one', 'many']).default('one'),
  dataType: z.enum(['string', 'binary']).default('string'),
});

export function readEventHubTrigger(
  bindingName: string,
  binding: unknown,
  { environment, retryOptions }: { environment: NodeJS.ProcessEnv; retryOptions: unknown },
): EventHubTrigger {
  const options = schema.parse(binding);
  const connectionString = readConnectionString(
    expandSettings(options.connection, environment),
    environment,
  );
  // What the connection string says goes first.
  const inConnectionString = /(?:^|;)EntityPath=([^;]+)/i.exec(connectionString)?.[1];
  const eventHubName = inConnectionString ?? expandSettings(options.eventHubName, environment);
  if (eventHubName === '') throw new HostError('"eventHubName" is missing');
  return {
    type: 'eventHub',
    bindingName,
    connectionString:
      inConnectionString === undefined
        ? `${connectionString.replace(/;$/, '')};EntityPath=${eventHubName}`
        : connectionString,
    eventHubName,
    consumerGroup: expandSettings(options.consumerGroup, environment),
    isMany: options.cardinality === 'many',
    isBinary: options.dataType === 'binary',
    retry: readRetryPolicy(retryOptions),
    storageConnectionString: readConnectionString('AzureWebJobsStorage', environment),
  };
}
