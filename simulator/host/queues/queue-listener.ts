import { setTimeout as sleep } from 'node:timers/promises';
import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { describeError } from '../host-error.ts';
import type { HostLog } from '../host-log.ts';
import type { QueueSettings } from '../settings/host-json.ts';
import { MessageLock } from './message-lock.ts';
import { MessageOutcome } from './message-outcome.ts';
import { PollingBackoff } from './polling-backoff.ts';
import { isQueueMissing } from './storage-error.ts';

export interface QueueListenerOptions {
  readonly functionName: string;
  readonly service: QueueServiceClient;
  readonly queueName: string;
  readonly settings: QueueSettings;
  /** Rejects when the function failed, which was logged already. */
  readonly run: (message: DequeuedMessageItem) => Promise<unknown>;
  readonly log: HostLog;
  /** For how long a message is hidden from others before that is renewed. */
  readonly lockSeconds?: number;
}

// Of the real host.
const LOCK_SECONDS = 600;
const RECEIVE_TIMEOUT_MS = 30_000;

/** Hands the messages of a queue to a function. That storage is away is waited out. */
export class QueueListener {
  readonly #options: QueueListenerOptions;
  readonly #queue: QueueClient;
  readonly #outcome: MessageOutcome;
  readonly #backoff: PollingBackoff;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #polling: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor(options: QueueListenerOptions) {
    this.#options = options;
    const { service, queueName, settings } = options;
    this.#queue = service.getQueueClient(queueName);
    this.#outcome = new MessageOutcome(service, queueName, settings);
    this.#backoff = new PollingBackoff(settings.maxPollingIntervalMs);
  }

  start(): void {
    this.#polling = this.#poll();
  }

  /** Resolves once no message is being worked on any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#polling;
    await Promise.all(this.#running);
  }

  async #poll(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const messages = await this.#receive();
      for (const message of messages) this.#begin(message);
      if (messages.length === 0) {
        await this.#pause(this.#backoff.nextDelayMs());
      } else {
        this.#backoff.reset();
        await this.#untilBelowThreshold();
      }
    }
  }

  async #receive(): Promise<DequeuedMessageItem[]> {
    const { settings, lockSeconds = LOCK_SECONDS } = this.#options;
    try {
      const { receivedMessageItems } = await this.#queue.receiveMessages({
        numberOfMessages: settings.batchSize,
        visibilityTimeout: lockSeconds,
        // Not at once when the host stops: messages on their way here would stay locked for long.
        abortSignal: AbortSignal.timeout(RECEIVE_TIMEOUT_MS),
      });
      this.#noteBack();
      return receivedMessageItems;
    } catch (error) {
      if (isQueueMissing(error)) await this.#create();
      else this.#noteAway(error);
      return [];
    }
  }

  async #create(): Promise<void> {
    try {
      await this.#queue.createIfNotExists();
    } catch (error) {
      this.#noteAway(error);
    }
  }

  #begin(message: DequeuedMessageItem): void {
    const work = this.#process(message).catch((error: unknown) => {
      this.#warn(`a message is left to its lock: ${describeError(error)}`);
    });
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #process(message: DequeuedMessageItem): Promise<void> {
    if (this.#stopped.signal.aborted) {
      await this.#outcome.release(message, message.popReceipt, 0);
      return;
    }
    const { lockSeconds = LOCK_SECONDS } = this.#options;
    const lock = new MessageLock(this.#queue, message, lockSeconds, (error) => {
      this.#warn(`the lock of message ${message.messageId} was lost: ${describeError(error)}`);
    });
    const hasSucceeded = !this.#outcome.isSpent(message) && (await this.#run(message));
    const popReceipt = await lock.end();
    if (hasSucceeded) {
      await this.#outcome.succeeded(message, popReceipt);
      return;
    }
    const poisonQueue = await this.#outcome.failed(message, popReceipt);
    if (poisonQueue !== undefined) {
      const times = `after ${String(message.dequeueCount)} attempts`;
      this.#warn(`message ${message.messageId} went to the queue ${poisonQueue} ${times}`);
    }
  }

  async #run(message: DequeuedMessageItem): Promise<boolean> {
    try {
      await this.#options.run(message);
      return true;
    } catch {
      return false;
    }
  }

  async #untilBelowThreshold(): Promise<void> {
    while (this.#running.size > this.#options.settings.newBatchThreshold) {
      await Promise.race(this.#running);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  #noteAway(error: unknown): void {
    if (!this.#isAway) {
      const { queueName } = this.#options;
      this.#warn(
        `the queue ${queueName} is away and asked again and again: ${describeError(error)}`,
      );
    }
    this.#isAway = true;
  }

  #noteBack(): void {
    const { log, functionName, queueName } = this.#options;
    if (this.#isAway) log.write('information', functionName, `the queue ${queueName} is back`);
    this.#isAway = false;
  }

  #warn(message: string): void {
    this.#options.log.write('warning', this.#options.functionName, message);
  }
}
