import type {
  EventHubConsumerClient,
  EventPosition,
  PartitionContext,
  ReceivedEventData,
} from '@azure/event-hubs';
import { describeError } from '../host-error.ts';
import type { HostLog } from '../host-log.ts';
import type { EventHubSettings } from '../settings/event-hub-settings.ts';
import type { EventSource } from './event-hub-input.ts';
import { askPartitionIds } from './partition-ids.ts';
import { PartitionReader } from './partition-reader.ts';
import type { TableCheckpoints } from './table-checkpoints.ts';

export interface EventHubListenerOptions {
  readonly functionName: string;
  readonly connect: () => EventHubConsumerClient;
  readonly checkpoints: TableCheckpoints;
  readonly settings: EventHubSettings;
  readonly log: HostLog;
  /** After how long without a sign a reader or a question is given up. */
  readonly stallLimitMs?: number;
  /** One invocation after the other, or one for all. Resolves when they need not be repeated; false: the host is stopping. */
  readonly run: (
    events: readonly ReceivedEventData[],
    source: EventSource,
    signal: AbortSignal,
  ) => Promise<boolean>;
}

/** Only when its wait is over does the SDK see that the connection was lost meanwhile. */
const MAX_WAIT_SECONDS = 1;
/** Enough for a connection, a token and a link on a busy machine. */
const STALL_LIMIT_MS = 10_000;
/** What a position is answered with that lies ahead of its partition. */
const POSITION_REFUSED = 'ArgumentError';

/** Hands the events of all partitions to a function, each partition in its order, and remembers how far it got. */
export class EventHubListener {
  readonly #options: EventHubListenerOptions;
  readonly #stopped = new AbortController();
  readonly #batchesSinceCheckpoint = new Map<string, number>();
  readonly #lastErrors = new Map<string, string>();
  readonly #running = new Set<Promise<void>>();
  readonly #readers: PartitionReader[] = [];
  readonly #stallLimitMs: number;
  #beginning: Promise<void> = Promise.resolve();

  constructor(options: EventHubListenerOptions) {
    this.#options = options;
    this.#stallLimitMs = options.stallLimitMs ?? STALL_LIMIT_MS;
  }

  start(): void {
    this.#beginning = this.#begin();
  }

  /** Resolves once no event is being worked on any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beginning;
    await Promise.all(this.#readers.map(async (reader) => reader.stop()));
    await Promise.all(this.#running);
  }

  /**
   * Each partition by itself: the SDK's way to read all of them asks the hub for them all the time, and a question
   * that a lost connection leaves open ends in an error that nobody can catch.
   */
  async #begin(): Promise<void> {
    const { connect, settings } = this.#options;
    const partitionIds = await askPartitionIds({
      connect,
      stallLimitMs: this.#stallLimitMs,
      signal: this.#stopped.signal,
      tell: (text) => this.#tell('', text),
    });
    for (const partitionId of partitionIds) {
      const reader = new PartitionReader({
        partitionId,
        connect,
        handlers: {
          processEvents: async (events, context) => this.#track(this.#process(events, context)),
          processError: async (error, context) => this.#failed(error, context),
        },
        subscribeOptions: {
          startPosition: startPosition(settings),
          maxBatchSize: settings.maxEventBatchSize,
          maxWaitTimeInSeconds: MAX_WAIT_SECONDS,
          prefetchCount: settings.prefetchCount,
          skipParsingBodyAsJson: true,
        },
        stallLimitMs: this.#stallLimitMs,
        warn: (text) => this.#warn(text),
      });
      this.#readers.push(reader);
    }
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
