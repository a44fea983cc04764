import type {
  EventHubConsumerClient,
  SubscribeOptions,
  Subscription,
  SubscriptionEventHandlers,
} from '@azure/event-hubs';
import { describeError } from '../host-error.ts';

export interface PartitionReaderOptions {
  readonly partitionId: string;
  readonly connect: () => EventHubConsumerClient;
  readonly handlers: Pick<SubscriptionEventHandlers, 'processEvents' | 'processError'>;
  readonly subscribeOptions: SubscribeOptions;
  readonly stallLimitMs: number;
  readonly warn: (text: string) => void;
}

interface Reading {
  readonly client: EventHubConsumerClient;
  readonly subscription: Subscription;
}

const LOOKS_PER_LIMIT = 5;

/**
 * Reads one partition, with a client of its own. After a Close frame of the hub the SDK can stay on a connection
 * that is no more, without a word and for ever; it otherwise gives a sign at each end of its wait for events.
 * A reader without a sign is replaced, which begins behind the last checkpoint.
 */
export class PartitionReader {
  readonly #options: PartitionReaderOptions;
  readonly #watch: NodeJS.Timeout;
  #reading: Reading;
  /** An error of the reader can come while the function still works. */
  #underWay = 0;
  #lastSignMs = performance.now();
  #readings = 0;

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
    this.#reading = this.#begin();
    this.#watch = setInterval(() => this.#look(), options.stallLimitMs / LOOKS_PER_LIMIT);
  }

  async stop(): Promise<void> {
    clearInterval(this.#watch);
    await close(this.#reading);
  }

  #begin(): Reading {
    const { connect, partitionId, handlers, subscribeOptions } = this.#options;
    const reading = ++this.#readings;
    const client = connect();
    const subscription = client.subscribe(
      partitionId,
      {
        processEvents: async (events, context) =>
          this.#during(async () => handlers.processEvents(events, context)),
        processError: async (error, context) => {
          // That a replaced one cannot say goodbye, a minute later, is no error of this reader.
          if (reading !== this.#readings) return;
          await this.#during(async () => handlers.processError(error, context));
        },
      },
      subscribeOptions,
    );
    return { client, subscription };
  }

  /** However long the function takes, that is no stall; and its events are not read a second time meanwhile. */
  async #during(work: () => Promise<void>): Promise<void> {
    this.#underWay++;
    try {
      await work();
    } finally {
      this.#underWay--;
      this.#lastSignMs = performance.now();
    }
  }

  #look(): void {
    const { partitionId, stallLimitMs, warn } = this.#options;
    if (this.#underWay > 0 || performance.now() - this.#lastSignMs < stallLimitMs) return;
    warn(`reading partition ${partitionId} has come to a halt; it is begun again`);
    // It hands over nothing from here on. Not waited for: without a connection its goodbyes can take a minute.
    close(this.#reading).catch((error: unknown) =>
      warn(`the old reader of partition ${partitionId} is not closed: ${describeError(error)}`),
    );
    this.#lastSignMs = performance.now();
    this.#reading = this.#begin();
  }
}

async function close({ client, subscription }: Reading): Promise<void> {
  await subscription.close();
  await client.close();
}
