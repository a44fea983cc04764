import { randomUUID } from 'node:crypto';
import type { Config } from './config.ts';
import type { FeedbackWakeUps } from './messages/feedback-wake-ups.ts';
import type { IotHub } from './iothub/iothub.ts';
import { once } from './once.ts';
import type { Storage } from './storage/storage.ts';

/** What the triggers share: each connection made once per process, on first use, so that a cold start loads only what its call needs. */
export interface Services {
  readonly storage: () => Promise<Storage>;
  readonly iotHub: () => Promise<IotHub>;
  readonly wakeUps: () => Promise<FeedbackWakeUps>;
}

/** The queue whose messages wake the feedback drain. */
export const WAKE_UP_QUEUE = 'downlink-feedback-wake-ups';

export function createServices(config: Config): Services {
  const storage = once(async () => {
    const [{ connectStorage }, { dueAt }] = await Promise.all([
      import('./storage/storage.ts'),
      import('./messages/open-messages.ts'),
    ]);
    return connectStorage({
      connectionString: config.storage.connectionString,
      wakeUpQueueName: WAKE_UP_QUEUE,
      now: Date.now,
      dueAt: (message) => dueAt(message, config.feedbackTtlMs),
    });
  });

  const iotHub = once(async () => {
    const { connectIotHub } = await import('./iothub/iothub.ts');
    return connectIotHub({ ...config.iotHub, now: Date.now });
  });

  const wakeUps = once(async () => {
    const [{ feedbackWakeUps }, { messages, wakeUpStore, wakeUpQueue }] = await Promise.all([
      import('./messages/feedback-wake-ups.ts'),
      storage(),
    ]);
    return feedbackWakeUps({
      store: wakeUpStore,
      queue: wakeUpQueue,
      hasOpenMessages: async () => messages.hasOpenMessages(),
      now: Date.now,
      newToken: randomUUID,
    });
  });

  return { storage, iotHub, wakeUps };
}
