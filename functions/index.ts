import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import type { HttpMethod, InvocationContext } from '@azure/functions';
import { readConfig } from './config.ts';
import type { AppRole, CheckRole } from './http/access.ts';
import type { Route } from './http/route.ts';
import { inInvocation } from './invocation-log.ts';
import type { SendMessageRequest } from './messages/new-message.ts';
import type { Warn } from './messages/send-message.ts';
import type { InvocationKey } from './methods/invocation-store.ts';
import { once } from './once.ts';
import { createServices, DISPATCH_QUEUE, INVOCATION_QUEUE, WAKE_UP_QUEUE } from './services.ts';

const config = readConfig(process.env);
const services = createServices(config);
const now = Date.now;

const MESSAGES = 'api/devices/{deviceId}/messages';
const MESSAGE = 'api/devices/{deviceId}/messages/{messageId}';
const METHOD = 'api/devices/{deviceId}/methods/{methodName}';
const INVOCATIONS = 'api/devices/{deviceId}/invocations';
const INVOCATION = 'api/devices/{deviceId}/invocations/{invocationId}';
const DEVICES = 'api/devices';
const DEVICE = 'api/devices/{deviceId}';
const EVENTS = 'api/events';
const LIMITS = 'api/limits';
const HEALTH = 'api/health';
const HEALTH_DETAILS = 'api/health/details';
const OPENAPI = 'api/openapi.json';

/** Stores a message to be handed to the hub by queued dispatch. */
const queueForDispatch = once(async () => {
  const { queueMessage } = await import('./messages/dispatch/queue-message.ts');
  const [{ messages: store, backlog }, wakeUps, dispatch] = await Promise.all([
    services.storage(),
    services.wakeUps(),
    services.dispatch(),
  ]);
  const requestDispatch = dispatch.request;
  return async (request: SendMessageRequest, warn: Warn) =>
    queueMessage({ store, backlog, requestDispatch, wakeUps, now, warn }, request);
});

/** What calling a device takes, for those who wait for it and those who do not. */
const callDependencies = once(async () => {
  const [{ sendFallback }, { setTimeout: sleep }, queue, storage, { invoker }] = await Promise.all([
    import('./methods/fallback.ts'),
    import('node:timers/promises'),
    queueForDispatch(),
    services.storage(),
    services.iotHub(),
  ]);
  return (warn: Warn = () => undefined) => ({
    store: storage.invocations,
    queue: storage.invocationQueue,
    invoker,
    sendFallback: sendFallback(async (request) => queue(request, warn)),
    hasFallbackMessage: async ({ deviceId, invocationId }: InvocationKey) =>
      (await storage.messages.find({ deviceId, messageId: invocationId })) !== undefined,
    now,
    sleep,
    newOwner: randomUUID,
    warn,
  });
});

http('sendMessage', 'POST', MESSAGES, async () => {
  const [{ sendMessageRoute }, { sendMessage }, { v7 }] = await Promise.all([
    import('./http/send-message.ts'),
    import('./messages/send-message.ts'),
    import('uuid'),
  ]);
  const [{ messages: store }, { sender }, wakeUps, queue] = await Promise.all([
    services.storage(),
    services.iotHub(),
    services.wakeUps(),
    queueForDispatch(),
  ]);
  const { handOverMs } = config;
  return sendMessageRoute({
    receivesReceipts: config.eventHub !== undefined,
    newMessageId: () => v7(),
    send: async (request, warn) =>
      sendMessage({ store, sender, wakeUps, now, newOwner: randomUUID, handOverMs, warn }, request),
    queue,
  });
});

http('getMessage', 'GET', MESSAGE, async () => {
  const [{ getMessageRoute }, { waitForMessage }, { setTimeout: sleep }, storage, wakeUps] =
    await Promise.all([
      import('./http/get-message.ts'),
      import('./messages/wait-for-message.ts'),
      import('node:timers/promises'),
      services.storage(),
      services.wakeUps(),
    ]);
  const dependencies = { store: storage.messages, wakeUps, now, sleep };
  return getMessageRoute({
    wait: async (key, waitMs) => waitForMessage(dependencies, key, waitMs),
  });
});

http('listMessages', 'GET', MESSAGES, async () => {
  const { listMessagesRoute } = await import('./http/list-messages.ts');
  return listMessagesRoute((await services.storage()).messages);
});

http('purgeMessages', 'DELETE', MESSAGES, async () => {
  const [{ purgeMessagesRoute }, { purgeMessages }, { messages: store }, hub, wakeUps, dispatch] =
    await Promise.all([
      import('./http/purge-messages.ts'),
      import('./messages/purge-messages.ts'),
      services.storage(),
      services.iotHub(),
      services.wakeUps(),
      services.dispatch(),
    ]);
  const { backlog, request: requestDispatch } = dispatch;
  const { purger } = hub;
  const dependencies = { purger, backlog, store, requestDispatch, wakeUps, now };
  return purgeMessagesRoute(async (deviceId) => purgeMessages(dependencies, deviceId));
});

http(
  'invokeMethod',
  'POST',
  METHOD,
  async () => {
    const [{ invokeMethodRoute }, { invokeMethod }, { v7 }, calls, check] = await Promise.all([
      import('./http/invoke-method.ts'),
      import('./methods/invoke-method.ts'),
      import('uuid'),
      callDependencies(),
      checkRole(),
    ]);
    return invokeMethodRoute({
      newInvocationId: () => v7(),
      checkMayFallBack: (request) => check(request, 'Downlink.Send'),
      invoke: async (request, { respondAsync, warn }) =>
        invokeMethod(calls(warn), request, { respondAsync }),
    });
  },
  'Downlink.Invoke',
);

http('getInvocation', 'GET', INVOCATION, async () => {
  const [{ getInvocationRoute }, { waitForInvocation }, calls] = await Promise.all([
    import('./http/get-invocation.ts'),
    import('./methods/wait-for-invocation.ts'),
    callDependencies(),
  ]);
  const dependencies = calls();
  return getInvocationRoute({
    wait: async (key, waitMs) => waitForInvocation(dependencies, key, waitMs),
  });
});

http('listInvocations', 'GET', INVOCATIONS, async () => {
  const { listInvocationsRoute } = await import('./http/list-invocations.ts');
  return listInvocationsRoute((await services.storage()).invocations);
});

http('listDevices', 'GET', DEVICES, async () => {
  const { listDevicesRoute } = await import('./http/list-devices.ts');
  return listDevicesRoute(await devicesWithBacklogs());
});

http('getDevice', 'GET', DEVICE, async () => {
  const { getDeviceRoute } = await import('./http/get-device.ts');
  return getDeviceRoute(await devicesWithBacklogs());
});

async function devicesWithBacklogs() {
  const [{ devices }, { backlog }] = await Promise.all([services.iotHub(), services.storage()]);
  return { devices, countDeferred: async (deviceId: string) => backlog.count(deviceId) };
}

http('getEvents', 'GET', EVENTS, async () => {
  const [{ getEventsRoute }, { followEvents }, { sharedReads }, { setTimeout: sleep }, storage] =
    await Promise.all([
      import('./http/get-events.ts'),
      import('./event-log/follow-events.ts'),
      import('./event-log/shared-reads.ts'),
      import('node:timers/promises'),
      services.storage(),
    ]);
  const { events: log } = storage;
  const dependencies = { log, sharedLog: sharedReads(log, now), now, sleep };
  return getEventsRoute({
    follow: async (from, waitMs) => followEvents(dependencies, from, waitMs),
  });
});

http('getLimits', 'GET', LIMITS, async () => {
  const [{ getLimitsRoute }, { queuedSendsPerSecond }] = await Promise.all([
    import('./http/get-limits.ts'),
    import('./messages/dispatch/send-rate.ts'),
  ]);
  const { handOverMs, feedbackTtlMs, retentionMs, hubSize } = config;
  return getLimitsRoute({
    handOverSeconds: handOverMs / 1000,
    feedbackTtlSeconds: feedbackTtlMs / 1000,
    retentionDays: retentionMs / (24 * 60 * 60_000),
    queuedSendsPerSecond: hubSize && queuedSendsPerSecond(hubSize),
  });
});

http(
  'getOpenApi',
  'GET',
  OPENAPI,
  async () => {
    const { getOpenApiRoute } = await import('./http/get-openapi.ts');
    return getOpenApiRoute();
  },
  'everybody',
);

const checkHealth = once(async () => {
  const { healthChecks } = await import('./http/get-health.ts');
  const checks = {
    hub: async () => (await services.iotHub()).probe.check(),
    storage: async () => (await services.storage()).check(),
  };
  return healthChecks({ checks, now });
});

http(
  'getHealth',
  'GET',
  HEALTH,
  async () => {
    const { getHealthRoute } = await import('./http/get-health.ts');
    return getHealthRoute(await checkHealth());
  },
  'everybody',
);

http('getHealthDetails', 'GET', HEALTH_DETAILS, async () => {
  const { getHealthDetailsRoute } = await import('./http/get-health.ts');
  return getHealthDetailsRoute({
    check: await checkHealth(),
    feedback: async () => (await services.feedbackWatch()).report(),
  });
});

notAllowed('messages', MESSAGES, ['GET', 'POST', 'DELETE']);
notAllowed('message', MESSAGE, ['GET']);
notAllowed('method', METHOD, ['POST']);
notAllowed('invocations', INVOCATIONS, ['GET']);
notAllowed('invocation', INVOCATION, ['GET']);
notAllowed('devices', DEVICES, ['GET']);
notAllowed('device', DEVICE, ['GET']);
notAllowed('events', EVENTS, ['GET']);
notAllowed('limits', LIMITS, ['GET']);
notAllowed('openApi', OPENAPI, ['GET'], 'everybody');
notAllowed('health', HEALTH, ['GET'], 'everybody');
notAllowed('healthDetails', HEALTH_DETAILS, ['GET']);

const watch = once(async () => {
  const { messageWatch } = await import('./messages/message-watch.ts');
  const [{ messages: store }, { feedback: source }] = await Promise.all([
    services.storage(),
    services.iotHub(),
  ]);
  const { backlogCare } = await import('./messages/dispatch/backlog-care.ts');
  const backlogs = backlogCare({ ...(await services.dispatch()), store, now });
  const health = await services.feedbackWatch();
  const { feedbackTtlMs } = config;
  return messageWatch({ source, store, backlogs, health, now, feedbackTtlMs });
});

app.storageQueue('drainFeedback', {
  queueName: WAKE_UP_QUEUE,
  connection: 'AzureWebJobsStorage',
  handler: lazily(async () => {
    const { drainFeedbackHandler } = await import('./queues/drain-feedback.ts');
    return drainFeedbackHandler({ wakeUps: await services.wakeUps(), watch: await watch() });
  }),
});

app.storageQueue('dispatchMessages', {
  queueName: DISPATCH_QUEUE,
  connection: 'AzureWebJobsStorage',
  handler: lazily(async () => {
    const { dispatchMessagesHandler } = await import('./queues/dispatch-messages.ts');
    const [{ messages: store, dispatchPoisonQueue: poisonQueue }, { sender }, wakeUps, dispatch] =
      await Promise.all([
        services.storage(),
        services.iotHub(),
        services.wakeUps(),
        services.dispatch(),
      ]);
    return dispatchMessagesHandler({
      ...dispatch,
      store,
      poisonQueue,
      sender,
      wakeUps,
      now,
      newOwner: randomUUID,
      random: Math.random,
      handOverMs: config.handOverMs,
    });
  }),
});

app.storageQueue('runInvocations', {
  queueName: INVOCATION_QUEUE,
  connection: 'AzureWebJobsStorage',
  handler: lazily(async () => {
    const [
      { runInvocationsHandler },
      { runInvocation },
      { failInvocation },
      calls,
      { invocations: store, invocationPoisonQueue: poisonQueue },
    ] = await Promise.all([
      import('./queues/run-invocations.ts'),
      import('./methods/run-invocation.ts'),
      import('./methods/fail-invocation.ts'),
      callDependencies(),
      services.storage(),
    ]);
    return runInvocationsHandler({
      run: async (key, warn) => runInvocation(calls(warn), key),
      fail: async (key, failure) => failInvocation({ store, now }, key, failure),
      poisonQueue,
      now,
    });
  }),
});

if (config.eventHub) {
  app.eventHub('receiveReceipts', {
    ...config.eventHub,
    cardinality: 'many',
    // Without a policy the host goes on behind what failed, and a receipt would be lost while storage is away.
    retry: {
      strategy: 'exponentialBackoff',
      maxRetryCount: -1,
      minimumInterval: { seconds: 1 },
      maximumInterval: { seconds: 30 },
    },
    handler: lazily(async () => {
      const [{ receiveReceiptsHandler }, { recordReceipts }, { messages: store }] =
        await Promise.all([
          import('./events/receive-receipts.ts'),
          import('./messages/record-receipts.ts'),
          services.storage(),
        ]);
      return receiveReceiptsHandler(async (receipts) => recordReceipts({ store, now }, receipts));
    }),
  });
}

app.timer('watchInvocations', {
  schedule: '30 */5 * * * *',
  handler: lazily(async () => {
    const [{ watchInvocationsHandler }, { sweepInvocations }, calls] = await Promise.all([
      import('./schedules/watch-invocations.ts'),
      import('./methods/sweep-invocations.ts'),
      callDependencies(),
    ]);
    const dependencies = calls();
    return watchInvocationsHandler(async () => sweepInvocations(dependencies));
  }),
});

app.timer('watchMessages', {
  schedule: '0 */5 * * * *',
  handler: lazily(async () => {
    const { watchMessagesHandler } = await import('./schedules/watch-messages.ts');
    const { messages } = await services.storage();
    return watchMessagesHandler({
      hasOpenMessages: async () => messages.hasOpenMessages(),
      wakeUps: await services.wakeUps(),
      watch: await watch(),
    });
  }),
});

app.timer('removeOldMessages', {
  schedule: '0 30 3 * * *',
  handler: lazily(async () => {
    const { removeOldMessagesHandler } = await import('./schedules/remove-old-messages.ts');
    const { messages: store, invocations, events: eventLog } = await services.storage();
    return removeOldMessagesHandler({
      store,
      invocations,
      eventLog,
      now,
      retentionMs: config.retentionMs,
    });
  }),
});

function http(
  name: string,
  method: HttpMethod,
  route: string,
  load: () => Promise<Route>,
  access: AppRole | 'everybody' = method === 'GET' ? 'Downlink.Read' : 'Downlink.Send',
): void {
  const handler = lazily(async () => {
    const { withProblems } = await import('./http/with-problems.ts');
    const loaded = once(async () => guarded(await load(), access));
    return withProblems(async (request, context) => (await loaded())(request, context));
  });
  app.http(name, { methods: [method], route, authLevel: authLevelFor(access), handler });
}

/** With Entra the platform stands before the host, whose keys are then nobody's. */
function authLevelFor(access: AppRole | 'everybody'): 'function' | 'anonymous' {
  return access === 'everybody' || config.auth === 'entra' ? 'anonymous' : 'function';
}

async function guarded(route: Route, access: AppRole | 'everybody'): Promise<Route> {
  if (access === 'everybody') return route;
  const { withRole } = await import('./http/access.ts');
  return withRole(route, await checkRole(), access);
}

async function checkRole(): Promise<CheckRole> {
  const { holdersOfAKey, holdersOfARole } = await import('./http/access.ts');
  return config.auth === 'entra' ? holdersOfARole : holdersOfAKey;
}

/**
 * A path of ours answers the HTTP methods it does not have as well: the host alone would call the path unknown.
 * It takes no role: the OpenAPI document tells everybody as much.
 */
function notAllowed(
  name: string,
  route: string,
  allowed: readonly HttpMethod[],
  access: AppRole | 'everybody' = 'Downlink.Read',
): void {
  const all: HttpMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'];
  app.http(`${name}NotAllowed`, {
    methods: all.filter((method) => !allowed.includes(method)),
    route,
    authLevel: authLevelFor(access),
    handler: lazily(async () => {
      const [{ withProblems }, { methodNotAllowedRoute }] = await Promise.all([
        import('./http/with-problems.ts'),
        import('./http/method-not-allowed.ts'),
      ]);
      return withProblems(methodNotAllowedRoute(allowed));
    }),
  });
}

/** A handler whose code is loaded at its first call. */
function lazily<Parameters extends [unknown, InvocationContext], Result>(
  load: () => Promise<(...parameters: Parameters) => Result | Promise<Result>>,
): (...parameters: Parameters) => Promise<Result> {
  const loaded = once(load);
  return async (...parameters) => {
    const handler = await loaded();
    return inInvocation(parameters[1], () => handler(...parameters));
  };
}
