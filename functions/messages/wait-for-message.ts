import { isFinal } from './lifecycle.ts';
import type { Message } from './message.ts';
import type { MessageKey, MessageStore } from './message-store.ts';

/** One storage read a second at the most, however many seconds are waited. */
const READ_EVERY_MS = 1000;

/** The message as soon as it is final, or as it is when the wait is over; undefined if it is not known. */
export async function waitForMessage(
  dependencies: {
    store: Pick<MessageStore, 'find'>;
    wakeUps: { request(): Promise<void> };
    now: () => number;
    sleep: (ms: number) => Promise<void>;
  },
  key: MessageKey,
  waitMs: number,
): Promise<Message | undefined> {
  const { store, wakeUps, now, sleep } = dependencies;
  const deadline = now() + waitMs;
  for (;;) {
    const message = (await store.find(key))?.message;
    const remainingMs = deadline - now();
    if (!message || isFinal(message) || remainingMs <= 0) return message;
    await wakeUps.request();
    await sleep(Math.min(READ_EVERY_MS, remainingMs));
  }
}
