import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';

/**
 * Keeps a message that is worked on out of others' sight. Each renewal changes the pop receipt, which
 * whatever is done with the message next must show.
 */
export class MessageLock {
  readonly #queue: QueueClient;
  readonly #messageId: string;
  readonly #seconds: number;
  readonly #onLost: (error: unknown) => void;
  #popReceipt: string;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  constructor(
    queue: QueueClient,
    { messageId, popReceipt }: DequeuedMessageItem,
    seconds: number,
    onLost: (error: unknown) => void,
  ) {
    this.#queue = queue;
    this.#messageId = messageId;
    this.#popReceipt = popReceipt;
    this.#seconds = seconds;
    this.#onLost = onLost;
    // Half of the lock's time, as in the real host.
    this.#timer = setInterval(
      () => {
        this.#renewal = this.#renew();
      },
      (seconds * 1_000) / 2,
    );
  }

  /** Ends the renewal; returns the receipt that is valid now. */
  async end(): Promise<string> {
    clearInterval(this.#timer);
    await this.#renewal;
    return this.#popReceipt;
  }

  async #renew(): Promise<void> {
    try {
      const { popReceipt } = await this.#queue.updateMessage(
        this.#messageId,
        this.#popReceipt,
        undefined,
        this.#seconds,
      );
      this.#popReceipt = popReceipt ?? this.#popReceipt;
    } catch (error) {
      clearInterval(this.#timer);
      this.#onLost(error);
    }
  }
}
