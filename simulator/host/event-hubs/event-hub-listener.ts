import { setTimeout as sleep } from 'node:timers/promises';
import type {
  EventHubConsumerClient,
  EventPosition,
  PartitionContext,
  ReceivedEventData,
  Subscription,
} from '@azure/event-hubs';
import { describeError } from '../host-error.ts';
import type { HostLog } from '../host-log.ts';
import type { EventHubSettings } from '../settings/event-hub-settings.ts';
import type { EventSource } from './event-hub-input.ts';
import type { TableCheckpoints } from './table-checkpoints.ts';

export interface EventHubListenerOptions {
  readonly functionName: string;
  readonly client: EventHubConsumerClient;
  readonly checkpoints: TableCheckpoints;
  readonly settings: EventHubSettings;
  readonly log: HostLog;
  /** One invocation after the other, or one for all. Resolves when they need not be repeated; false: the host is stopping. */
  readonly run: (
    events: readonly ReceivedEventData[],
    source: EventSource,
    signal: AbortSignal,
  ) => Promise<boolean>;
}

/** Only when its wait is over does the SDK see that the connection was lost meanwhile. */
const MAX_WAIT_SECONDS = 1;
/** A hub that is away is looked for again this often. */
export const LOOK_INTERVAL_MS = 1_000;
/** What a position is answered with that lies ahead of its partition. */
const POSITION_REFUSED = 'ArgumentError';

/** Hands the events of all partitions to a function, each partition in its order, and remembers how far it got. */
export class EventHubListener {
  readonly #options: EventHubListenerOptions;
  readonly #stopped = new AbortController();
  readonly #batchesSinceCheckpoint = new Map<string, number>();
  readonly #lastErrors = new Map<string, string>();
  readonly #running = new Set<Promise<void>>();
  readonly #subscriptions: Subscription[] = [];
  #beginning: Promise<void> = Promise.resolve();

  constructor(options: EventHubListenerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#beginning = this.#begin();
  }

  /** Resolves once no event is being worked on any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beginning;
    await Promise.all(this.#subscriptions.map(async (subscription) => subscription.close()));
    await Promise.all(this.#running);
    await this.#options.client.close();
  }

  /**
   * Each partition by itself: the SDK's way to read all of them asks the hub for them all the time, and a question
   * that a lost connection leaves open ends in an error that nobody can catch.
   */
  async #begin(): Promise<void> {
    const { client, settings } = this.#options;
    for (const partitionId of await this.#partitionIds()) {
      const subscription = client.subscribe(
        partitionId,
        {
          processEvents: async (events, context) => this.#track(this.#process(events, context)),
          processError: async (error, context) => this.#failed(error, context),
        },
        {
          startPosition: startPosition(settings),
          maxBatchSize: settings.maxEventBatchSize,
          maxWaitTimeInSeconds: MAX_WAIT_SECONDS,
          prefetchCount: settings.prefetchCount,
          skipParsingBodyAsJson: true,
        },
      );
      this.#subscriptions.push(subscription);
    }
  }

  /** That the hub is away is waited out. */
  async #partitionIds(): Promise<string[]> {
    const { client } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        return await client.getPartitionIds({ abortSignal: signal });
      } catch (error) {
        if (signal.aborted) break;
        this.#tell('', `the partitions cannot be asked for: ${describeError(error)}`);
        await sleep(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return [];
  }

  async #track(processing: Promise<void>): Promise<void> {
    this.#running.add(processing);
    try {
      await processing;
    } finally {
      this.#running.delete(processing);
    }
  }

  async #process(events: ReceivedEventData[], context: PartitionContext): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    this.#lastErrors.delete(context.partitionId);
    if (!(await this.#options.run(events, context, this.#stopped.signal))) return;
    const { partitionId } = context;
    const batches = (this.#batchesSinceCheckpoint.get(partitionId) ?? 0) + 1;
    this.#batchesSinceCheckpoint.set(partitionId, batches);
    if (batches < this.#options.settings.batchCheckpointFrequency) return;
    this.#batchesSinceCheckpoint.set(partitionId, 0);
    try {
      await context.updateCheckpoint(last);
    } catch (error) {
      // The events come again after a restart: at least once.
      this.#warn(`how far partition ${partitionId} was read is not saved: ${describeError(error)}`);
    }
  }

  async #failed(error: Error, context: PartitionContext): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const { partitionId } = context;
    const isRefused = 'code' in error && error.code === POSITION_REFUSED;
    if (isRefused) await this.#forget(context);
    const advice = isRefused ? '; it is read anew from the start position' : '';
    this.#tell(
      partitionId,
      `partition ${partitionId} cannot be read${advice}: ${describeError(error)}`,
    );
  }

  /** Until the next events come, once is enough. */
  #tell(partitionId: string, text: string): void {
    if (this.#lastErrors.get(partitionId) === text) return;
    this.#lastErrors.set(partitionId, text);
    this.#warn(text);
  }

  async #forget(context: PartitionContext): Promise<void> {
    try {
      await this.#options.checkpoints.forget(context);
    } catch (error) {
      this.#warn(`its checkpoint cannot be removed: ${describeError(error)}`);
    }
  }

  #warn(text: string): void {
    const { log, functionName } = this.#options;
    log.write('warning', functionName, text);
  }
}

function startPosition({ initialOffset }: EventHubSettings): EventPosition {
  if (initialOffset.type === 'fromenqueuedtime') return { enqueuedOn: initialOffset.enqueuedOn };
  return { offset: initialOffset.type === 'fromend' ? '@latest' : '-1' };
}
