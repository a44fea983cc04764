import type { QueueServiceClient } from '@azure/storage-queue';
import type { InvocationInput } from './core-module/core-types.ts';
import { connectEventHub } from './event-hubs/connect-event-hub.ts';
import { manualEventInput, manyEventsInput, oneEventInput } from './event-hubs/event-hub-input.ts';
import { EventHubListener } from './event-hubs/event-hub-listener.ts';
import type { EventHubTrigger } from './event-hubs/event-hub-trigger.ts';
import type { FunctionDefinition } from './function-definition.ts';
import { HostError } from './host-error.ts';
import type { HostLog } from './host-log.ts';
import type { Invocations } from './invocations.ts';
import { manualQueueInput, queueInput } from './queues/queue-input.ts';
import { QueueListener } from './queues/queue-listener.ts';
import type { QueueTrigger } from './queues/queue-trigger.ts';
import { runWithRetries } from './retry-policy.ts';
import type { HostJson } from './settings/host-json.ts';
import { fileScheduleMonitor } from './timers/schedule-monitor.ts';
import { timerInput } from './timers/timer-input.ts';
import { TimerListener } from './timers/timer-listener.ts';
import type { TimerTrigger } from './timers/timer-trigger.ts';

export interface ListenerOptions {
  readonly hostJson: HostJson;
  readonly invocations: Invocations;
  readonly stateFolder: string | undefined;
  readonly log: HostLog;
}

/** Waits for what starts a function, other than HTTP requests. */
export interface Listener {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** As an administrator asks for it. Never rejects. */
  runManually(input: string): Promise<void>;
}

/** By the name of the function; HTTP functions have none. */
export async function createListeners(
  functions: readonly FunctionDefinition[],
  options: ListenerOptions,
): Promise<Map<string, Listener>> {
  const listeners = new Map<string, Listener>();
  for (const { name, registered, trigger } of functions) {
    const each = { name, registered };
    if (trigger.type === 'timer') listeners.set(name, timerListener(each, trigger, options));
    if (trigger.type === 'queue') listeners.set(name, await queueListener(each, trigger, options));
    if (trigger.type === 'eventHub')
      listeners.set(name, await eventHubListener(each, trigger, options));
  }
  return listeners;
}

type NamedFunction = Pick<FunctionDefinition, 'name' | 'registered'>;

function timerListener(
  { name, registered }: NamedFunction,
  trigger: TimerTrigger,
  { invocations, stateFolder, log }: ListenerOptions,
): Listener {
  const listener = new TimerListener({
    functionName: name,
    trigger,
    log,
    monitor: stateFolder === undefined ? undefined : fileScheduleMonitor(stateFolder, name),
    run: async (run) => {
      await invocations
        .run(registered, () => timerInput(trigger.bindingName, run))
        .catch(() => undefined);
    },
  });
  return {
    start: async () => listener.start(),
    stop: async () => listener.stop(),
    runManually: async () => listener.runManually(),
  };
}

async function queueListener(
  { name, registered }: NamedFunction,
  trigger: QueueTrigger,
  { invocations, hostJson, log }: ListenerOptions,
): Promise<Listener> {
  const { queues: settings } = hostJson;
  const listener = new QueueListener({
    functionName: name,
    service: await connect(name, trigger.connectionString),
    queueName: trigger.queueName,
    settings,
    log,
    run: async (message) =>
      invocations.run(registered, () => queueInput(trigger, message, settings.messageEncoding)),
  });
  return {
    start: async () => {
      listener.start();
    },
    stop: async () => listener.stop(),
    runManually: async (input) => {
      await invocations
        .run(registered, () => manualQueueInput(trigger, input))
        .catch(() => undefined);
    },
  };
}

async function eventHubListener(
  { name, registered }: NamedFunction,
  trigger: EventHubTrigger,
  { invocations, hostJson, log }: ListenerOptions,
): Promise<Listener> {
  const { connect: connectToHub, checkpoints } = await connectEventHub(name, trigger);
  const run = async (input: InvocationInput, signal: AbortSignal): Promise<boolean> => {
    const isDone = await runWithRetries(
      trigger.retry,
      async (retryContext) =>
        invocations.run(registered, () => ({ ...input, ...(retryContext && { retryContext }) })),
      signal,
    );
    // As in Azure, what failed to the end is not repeated. What was interrupted is.
    return isDone || !signal.aborted;
  };
  const listener = new EventHubListener({
    functionName: name,
    connect: connectToHub,
    checkpoints,
    settings: hostJson.eventHubs,
    log,
    run: async (events, source, signal) => {
      if (trigger.isMany) return run(manyEventsInput(trigger, events, source), signal);
      for (const event of events)
        if (!(await run(oneEventInput(trigger, event, source), signal))) return false;
      return true;
    },
  });
  return {
    start: async () => listener.start(),
    stop: async () => listener.stop(),
    runManually: async (input) => {
      await invocations
        .run(registered, () => manualEventInput(trigger, input))
        .catch(() => undefined);
    },
  };
}

// Storage that is away is met by the listener's own patience; these are for a passing fault.
const RETRY = { maxTries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 1_000 };

async function connect(
  functionName: string,
  connectionString: string,
): Promise<QueueServiceClient> {
  // Large, and of no use to an app without queue functions.
  const storage = await import('@azure/storage-queue');
  try {
    return storage.QueueServiceClient.fromConnectionString(connectionString, {
      retryOptions: RETRY,
    });
  } catch (error) {
    // Its message may hold the connection string.
    throw new HostError(`${functionName}: the connection string of its queue cannot be read`, {
      cause: error,
    });
  }
}
