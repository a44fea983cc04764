import { z } from 'zod';

export interface EventHubSettings {
  maxEventBatchSize: number;
  batchCheckpointFrequency: number;
  prefetchCount: number;
  /** Where a partition is begun of which nothing is remembered. */
  initialOffset:
    { type: 'fromstart' } | { type: 'fromend' } | { type: 'fromenqueuedtime'; enqueuedOn: Date };
}

const count = (minimum: number) => z.coerce.number().int().min(minimum);

const initialOffset = z
  .strictObject({
    type: z
      .string()
      .toLowerCase()
      .pipe(z.enum(['fromstart', 'fromend', 'fromenqueuedtime']))
      .default('fromstart'),
    enqueuedtimeutc: z.iso.datetime().optional(),
  })
  .transform(({ type, enqueuedtimeutc }, context): EventHubSettings['initialOffset'] => {
    if (type !== 'fromenqueuedtime') return { type };
    if (enqueuedtimeutc !== undefined) return { type, enqueuedOn: new Date(enqueuedtimeutc) };
    context.addIssue('enqueuedTimeUtc is missing');
    return z.NEVER;
  });

/** extensions.eventHubs of host.json, with names in lower case. https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs#hostjson-settings */
export const eventHubSettings = z
  .strictObject({
    maxeventbatchsize: count(1).default(100),
    // A function is not made to wait for more.
    mineventbatchsize: z.coerce.number().pipe(z.literal(1)).optional(),
    maxwaittime: z.unknown().optional(),
    batchcheckpointfrequency: count(1).default(1),
    prefetchcount: count(1).default(300),
    initialoffsetoptions: initialOffset.prefault({}),
    // Those that tune connections and scale have no effect here.
    transporttype: z.unknown().optional(),
    clientretryoptions: z.unknown().optional(),
    targetunprocessedeventthreshold: z.unknown().optional(),
    tracklastenqueuedeventproperties: z.unknown().optional(),
    loadbalancingupdateinterval: z.unknown().optional(),
    partitionownershipexpirationinterval: z.unknown().optional(),
  })
  .transform((settings): EventHubSettings => ({
    maxEventBatchSize: settings.maxeventbatchsize,
    batchCheckpointFrequency: settings.batchcheckpointfrequency,
    prefetchCount: settings.prefetchcount,
    initialOffset: settings.initialoffsetoptions,
  }));
