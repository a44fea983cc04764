import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { HostLog } from '../../../../simulator/host/host-log.ts';
import { QueueListener } from '../../../../simulator/host/queues/queue-listener.ts';
import type { QueueSettings } from '../../../../simulator/host/settings/host-json.ts';
import { startStorageEmulatorProcess } from '../../../support/storage-emulator.ts';
import type { StorageEmulatorProcess } from '../../../support/storage-emulator.ts';
import { startStorageProxies } from '../../../support/tcp-proxy.ts';
import { until } from '../../../support/until.ts';

let emulator: StorageEmulatorProcess;
let service: QueueServiceClient;
let queues = 0;
const listeners: QueueListener[] = [];
const cleanUps: (() => Promise<void>)[] = [];
const lines: string[] = [];

const log: HostLog = { write: (level, source, text) => lines.push(`${level} ${source}: ${text}`) };

beforeAll(async () => {
  emulator = await startStorageEmulatorProcess();
  service = QueueServiceClient.fromConnectionString(emulator.connectionString);
});

afterEach(async () => {
  await Promise.all(listeners.splice(0).map(async (listener) => listener.stop()));
  await Promise.all(cleanUps.splice(0).map(async (cleanUp) => cleanUp()));
  lines.length = 0;
});

afterAll(async () => {
  await emulator.stop();
});

function newQueueName(suffix = '') {
  queues += 1;
  return `queue-${queues}${suffix}`;
}

function listen(
  queueName: string,
  run: (message: DequeuedMessageItem) => Promise<unknown>,
  options: Partial<QueueSettings> & { lockSeconds?: number; service?: QueueServiceClient } = {},
) {
  const { lockSeconds, service: own = service, ...settings } = options;
  const listener = new QueueListener({
    functionName: 'drain',
    service: own,
    queueName,
    run,
    log,
    settings: {
      batchSize: 16,
      newBatchThreshold: 8,
      maxDequeueCount: 3,
      visibilityTimeoutMs: 0,
      maxPollingIntervalMs: 200,
      messageEncoding: 'none',
      ...settings,
    },
    ...(lockSeconds === undefined ? {} : { lockSeconds }),
  });
  listeners.push(listener);
  listener.start();
  return listener;
}

async function filledQueue(count: number, suffix?: string) {
  const queue = service.getQueueClient(newQueueName(suffix));
  await queue.create();
  for (let index = 0; index < count; index++) await queue.sendMessage(`message ${index}`);
  return queue;
}

async function lengthOf(queueName: string) {
  const properties = await service.getQueueClient(queueName).getProperties();
  return properties.approximateMessagesCount;
}

const fail = async () => Promise.reject(new Error('failed'));

describe('a queue listener', () => {
  test('makes the queue that is missing, runs each message once and removes it', async () => {
    const queueName = newQueueName();
    const bodies: string[] = [];
    listen(queueName, async ({ messageText }) => bodies.push(messageText));
    await until('the queue exists', async () => service.getQueueClient(queueName).exists());

    await service.getQueueClient(queueName).sendMessage('hello');
    await until('the queue is empty', async () => (await lengthOf(queueName)) === 0);

    expect(bodies).toEqual(['hello']);
    expect(lines).toEqual([]);
  });

  test('tries a message as often as allowed and moves it, as it is, to the poison queue', async () => {
    const queue = await filledQueue(1);
    const counts: number[] = [];
    listen(queue.name, async ({ dequeueCount }) => {
      counts.push(dequeueCount);
      await fail();
    });

    const poison = service.getQueueClient(`${queue.name}-poison`);
    await until('the message is poison', async () => poison.exists());
    await until('the queue is empty', async () => (await lengthOf(queue.name)) === 0);

    const { peekedMessageItems } = await poison.peekMessages();
    expect(counts).toEqual([1, 2, 3]);
    expect(peekedMessageItems.map(({ messageText }) => messageText)).toEqual(['message 0']);
    expect(lines).toEqual([expect.stringContaining(`went to the queue ${poison.name}`)]);
  });

  test('does not run a message that hosts died of too often', async () => {
    const queue = await filledQueue(1);
    await queue.receiveMessages({ visibilityTimeout: 1 });
    let runs = 0;
    listen(queue.name, async () => (runs += 1), { maxDequeueCount: 1 });

    const poison = `${queue.name}-poison`;
    await until('the message is poison', async () => (await lengthOf(poison).catch(() => 0)) === 1);

    expect(runs).toBe(0);
  });

  test('hides a failed message for the visibility timeout', async () => {
    const queue = await filledQueue(1);
    const times: number[] = [];
    listen(
      queue.name,
      async () => {
        times.push(Date.now());
        if (times.length === 1) await fail();
      },
      { visibilityTimeoutMs: 1_000 },
    );

    await until('the message is done', async () => (await lengthOf(queue.name)) === 0);

    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(900);
  });

  test('leaves a failed message of a poison queue to its lock', async () => {
    const queue = await filledQueue(1, '-poison');
    let runs = 0;
    const listener = listen(queue.name, async () => {
      runs += 1;
      await fail();
    });
    await until('it ran', () => runs > 0);

    await listener.stop();

    expect([runs, await lengthOf(queue.name)]).toEqual([1, 1]);
    expect((await queue.peekMessages()).peekedMessageItems).toEqual([]);
  });

  test('keeps the lock of a message for as long as it runs', async () => {
    const queue = await filledQueue(1);
    let runs = 0;
    const startedAt = Date.now();
    // Nobody else sees it while it runs, for longer than one lock lasts.
    listen(
      queue.name,
      async () => {
        runs += 1;
        await until('the first lock would have run out', async () => {
          const { peekedMessageItems } = await queue.peekMessages();
          if (peekedMessageItems.length > 0) throw new Error('it is visible');
          return Date.now() - startedAt > 1_600;
        });
      },
      { lockSeconds: 1 },
    );

    await until('the message is removed', async () => (await lengthOf(queue.name)) === 0);

    expect([runs, lines]).toEqual([1, []]);
  });

  test('runs no more than a batch on top of the threshold at a time', async () => {
    const queue = await filledQueue(12);
    let running = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    listen(
      queue.name,
      async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => waiting.push(resolve));
        running -= 1;
      },
      { batchSize: 4, newBatchThreshold: 2 },
    );

    await until('a batch runs', () => waiting.length === 4);
    waiting.splice(0, 1).forEach((finish) => finish());
    await until('one has ended', () => running === 3);
    expect(await lengthOf(queue.name)).toBe(11);
    expect(most).toBe(4);
    waiting.splice(0, 1).forEach((finish) => finish());
    await until('the next batch runs', () => running === 6);
    await until('all have ended', async () => {
      waiting.splice(0).forEach((finish) => finish());
      return (await lengthOf(queue.name)) === 0;
    });

    expect(most).toBe(6);
  });

  test('stops once what runs has ended', async () => {
    const queue = await filledQueue(1);
    const waiting: (() => void)[] = [];
    const listener = listen(queue.name, async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
    });
    await until('it runs', () => waiting.length === 1);
    let hasStopped = false;
    const stopped = listener.stop().finally(() => (hasStopped = true));

    await queue.sendMessage('late');
    expect(hasStopped).toBe(false);
    waiting[0]?.();
    await stopped;

    const { peekedMessageItems } = await queue.peekMessages();
    expect(peekedMessageItems.map(({ messageText }) => messageText)).toEqual(['late']);
  });

  test('gives back what was on its way as it stopped', async () => {
    const queue = await filledQueue(2);
    let runs = 0;
    const listener = listen(queue.name, async () => (runs += 1));

    await listener.stop();

    const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 2 });
    expect(runs).toBe(0);
    // It was received, and shown again.
    expect(peekedMessageItems.map(({ dequeueCount }) => dequeueCount)).toEqual([1, 1]);
  });

  test('waits out that storage is away, says so once, and goes on when it is back', async () => {
    const {
      queue: proxy,
      table,
      connectionString,
    } = await startStorageProxies(emulator.connectionString);
    cleanUps.push(
      async () => proxy.stop(),
      async () => table.stop(),
    );
    const retryOptions = { maxTries: 1 };
    const proxied = QueueServiceClient.fromConnectionString(connectionString, { retryOptions });
    const queue = await filledQueue(1);
    const ran: string[] = [];
    const receive = jest.spyOn(QueueClient.prototype, 'receiveMessages');
    await proxy.goAway();
    listen(
      queue.name,
      async ({ messageText }) => {
        ran.push(messageText);
        // What was done cannot be told to storage.
        if (ran.length === 2) await proxy.goAway();
      },
      { service: proxied, lockSeconds: 1 },
    );

    await until('it was asked in vain', () => receive.mock.calls.length > 3);
    receive.mockRestore();
    await proxy.comeBack();
    await until('the message is done', async () => (await lengthOf(queue.name)) === 0);
    await queue.sendMessage('message 1');
    await until('it is away again', () => lines.length === 4);
    await proxy.comeBack();
    await until('the message ran again', () => ran.length === 3);

    expect(ran).toEqual(['message 0', 'message 1', 'message 1']);
    expect(lines.slice(0, 2)).toEqual([
      expect.stringMatching(`^warning drain: the queue ${queue.name} is away .*ECONNREFUSED`),
      `information drain: the queue ${queue.name} is back`,
    ]);
    expect(lines.slice(2, 4).toSorted()).toEqual([
      expect.stringContaining('a message is left to its lock: '),
      expect.stringContaining('is away'),
    ]);
  });
});
