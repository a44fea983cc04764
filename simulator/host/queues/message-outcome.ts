import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { QueueSettings } from '../settings/host-json.ts';
import { isMessageLost } from './storage-error.ts';

const POISON_SUFFIX = '-poison';

/** What becomes of messages once the function has had them. */
export class MessageOutcome {
  readonly #queue: QueueClient;
  readonly #poisonQueue: QueueClient | undefined;
  readonly #settings: QueueSettings;

  constructor(service: QueueServiceClient, queueName: string, settings: QueueSettings) {
    this.#queue = service.getQueueClient(queueName);
    this.#settings = settings;
    // Messages of a poison queue have nowhere else to go.
    this.#poisonQueue = queueName.endsWith(POISON_SUFFIX)
      ? undefined
      : service.getQueueClient(queueName + POISON_SUFFIX);
  }

  /** Whether the message was tried too often already, by hosts that died of it. */
  isSpent({ dequeueCount }: DequeuedMessageItem): boolean {
    return this.#poisonQueue !== undefined && dequeueCount > this.#settings.maxDequeueCount;
  }

  async succeeded({ messageId }: DequeuedMessageItem, popReceipt: string): Promise<void> {
    await unlessLost(this.#queue.deleteMessage(messageId, popReceipt));
  }

  /** Returns the name of the poison queue if that is where the message went. */
  async failed(message: DequeuedMessageItem, popReceipt: string): Promise<string | undefined> {
    // As in the real host the lock runs out then, lest a poison queue's messages spin.
    if (this.#poisonQueue === undefined) return undefined;
    if (message.dequeueCount < this.#settings.maxDequeueCount) {
      await this.release(message, popReceipt, this.#settings.visibilityTimeoutMs);
      return undefined;
    }
    await this.#poisonQueue.createIfNotExists();
    await this.#poisonQueue.sendMessage(message.messageText);
    await this.succeeded(message, popReceipt);
    return this.#poisonQueue.name;
  }

  async release(
    { messageId }: DequeuedMessageItem,
    popReceipt: string,
    invisibleMs: number,
  ): Promise<void> {
    const seconds = Math.round(invisibleMs / 1_000);
    await unlessLost(this.#queue.updateMessage(messageId, popReceipt, undefined, seconds));
  }
}

async function unlessLost(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isMessageLost(error)) throw error;
  }
}
