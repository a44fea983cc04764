import { randomUUID } from 'node:crypto';
import type { Config } from './config.ts';
import type { Backlog } from './messages/dispatch/backlog.ts';
import type { DispatchQueue } from './messages/dispatch/dispatch-queue.ts';
import type { HubPace } from './messages/dispatch/hub-pace.ts';
import type { FeedbackWatch } from './messages/feedback-watch.ts';
import type { FeedbackWakeUps } from './messages/feedback-wake-ups.ts';
import { logStatusEvent } from './invocation-log.ts';
import type { IotHub } from './iothub/iothub.ts';
import { once } from './once.ts';
import type { Storage } from './storage/storage.ts';

/** What the triggers share: each connection made once per process, on first use, so that a cold start loads only what its call needs. */
export interface Services {
  readonly storage: () => Promise<Storage>;
  readonly iotHub: () => Promise<IotHub>;
  readonly wakeUps: () => Promise<FeedbackWakeUps>;
  readonly dispatch: () => Promise<DispatchParts>;
  readonly feedbackWatch: () => Promise<FeedbackWatch>;
}

/** What queued dispatch is made of, and those who feed it and look after it share. */
interface DispatchParts {
  readonly backlog: Backlog;
  readonly queue: DispatchQueue;
  readonly pace: HubPace;
  readonly request: (deviceId: string) => Promise<void>;
}

/** The queue whose messages wake the feedback drain. */
export const WAKE_UP_QUEUE = 'downlink-feedback-wake-ups';
/** The queue whose messages wake the dispatch of a device's backlog. */
export const DISPATCH_QUEUE = 'downlink-dispatch';
/** The queue whose messages name invocations to be run. */
export const INVOCATION_QUEUE = 'downlink-invocations';

export function createServices(config: Config): Services {
  const storage = once(async () => {
    const [{ connectStorage }, { dueAt }] = await Promise.all([
      import('./storage/storage.ts'),
      import('./messages/open-messages.ts'),
    ]);
    return connectStorage({
      connectionString: config.storage.connectionString,
      queueNames: {
        wakeUps: WAKE_UP_QUEUE,
        dispatch: DISPATCH_QUEUE,
        invocations: INVOCATION_QUEUE,
      },
      now: Date.now,
      onStatusEvent: logStatusEvent,
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

  const dispatch = once(async () => {
    const [
      { dispatchRequests },
      { hubPace },
      { queuedSendsPerSecond },
      { setTimeout: sleep },
      { backlog, paceStore, dispatchQueue: queue },
    ] = await Promise.all([
      import('./messages/dispatch/dispatch-queue.ts'),
      import('./messages/dispatch/hub-pace.ts'),
      import('./messages/dispatch/send-rate.ts'),
      import('node:timers/promises'),
      storage(),
    ]);
    const sendsPerSecond = config.hubSize && queuedSendsPerSecond(config.hubSize);
    const pace = hubPace({ store: paceStore, sendsPerSecond, now: Date.now, sleep });
    return { backlog, queue, pace, request: dispatchRequests(queue) };
  });

  const feedbackWatch = once(async () => {
    const [
      { feedbackWatch: watch },
      { DownlinkError },
      { messages, feedbackWatchStore: store },
      hub,
    ] = await Promise.all([
      import('./messages/feedback-watch.ts'),
      import('./errors.ts'),
      storage(),
      iotHub(),
    ]);
    const isRegistered = async (deviceId: string): Promise<boolean> =>
      hub.devices.get(deviceId).then(
        () => true,
        // A hub that does not answer says nothing about the device.
        (error: unknown) => !(error instanceof DownlinkError && error.code === 'device-not-found'),
      );
    return watch({ store, messages, isRegistered, now: Date.now });
  });

  return { storage, iotHub, wakeUps, dispatch, feedbackWatch };
}
