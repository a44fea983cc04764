import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { connectEventHub } from '../../../../simulator/host/event-hubs/connect-event-hub.ts';
import { EventHubListener } from '../../../../simulator/host/event-hubs/event-hub-listener.ts';
import {
  startStorageEmulatorProcess,
  type StorageEmulatorProcess,
} from '../../../support/storage-emulator.ts';
import { until } from '../../../support/until.ts';
import { startEventHub, type EventHub } from '../../hub/amqp/event-hubs/event-hub.ts';

/** Above the second that a reader waits for events. */
const STALL_LIMIT_MS = 1_500;

/** What rhea-promise gives the goodbye of a link. */
const GOODBYE_MS = 60_000;

let eventHub: EventHub;
let storage: StorageEmulatorProcess;
let listener: EventHubListener;
let given: string[] = [];
let lines: string[] = [];

beforeAll(async () => {
  // A goodbye on a connection that is no more is never answered; jest need not wait for its end.
  const setTimer = setTimeout;
  const withoutGoodbyes = (work: () => void, ms?: number) => {
    const timer = setTimer(work, ms);
    return ms === GOODBYE_MS ? timer.unref() : timer;
  };
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(withoutGoodbyes);
  [eventHub, storage] = await Promise.all([startEventHub(), startStorageEmulatorProcess()]);
});
afterEach(async () => {
  await listener.stop();
});
afterAll(async () => {
  await Promise.all([eventHub.stop(), storage.stop()]);
  jest.restoreAllMocks();
});

async function listen(): Promise<void> {
  given = [];
  lines = [];
  const { connect, checkpoints } = await connectEventHub('reads', {
    type: 'eventHub',
    bindingName: 'event',
    connectionString: eventHub.hub.eventHubConnectionString(),
    eventHubName: 'in-the-connection-string',
    consumerGroup: '$Default',
    isMany: true,
    isBinary: false,
    retry: undefined,
    storageConnectionString: storage.connectionString,
  });
  listener = new EventHubListener({
    functionName: 'reads',
    connect,
    checkpoints,
    settings: {
      maxEventBatchSize: 10,
      batchCheckpointFrequency: 1,
      prefetchCount: 30,
      initialOffset: { type: 'fromstart' },
    },
    stallLimitMs: STALL_LIMIT_MS,
    log: { write: (_level, _source, line) => void lines.push(line) },
    run: async (events) => {
      given.push(...events.map(({ body }) => String(body)));
      return true;
    },
  });
  listener.start();
}

async function untilGiven(text: string): Promise<void> {
  await until(text, () => given.includes(text));
}

/** The hub has been asked to take a token, and closes instead of an answer. */
async function closeInsteadOfToken(): Promise<void> {
  const { hub } = eventHub;
  await until('a token to come', () => hub.faults.remaining('amqp-put-token') === 0);
  hub.amqp.closeConnections();
}

// The SDK threw out of a timer here, or out of its AbortSignal, which fails a test as it ended the host.
describe('A reader of events whose hub sends a Close frame instead of taking a token', () => {
  test('asks for the partitions again', async () => {
    eventHub.hub.faults.add('amqp-put-token', { kind: 'no-answer' });
    await listen();
    await closeInsteadOfToken();
    eventHub.send('one');

    await untilGiven('one');

    expect(lines).toEqual([expect.stringContaining('the partitions cannot be asked for')]);
  });

  test('is replaced, which begins behind the last checkpoint', async () => {
    await listen();
    eventHub.send('two');
    await untilGiven('two');

    eventHub.hub.faults.add('amqp-put-token', { kind: 'no-answer' });
    eventHub.hub.amqp.closeConnections();
    await closeInsteadOfToken();
    eventHub.send('three');
    await untilGiven('three');

    expect(given).toEqual(['two', 'three']);
    expect(lines).toContain('reading partition 0 has come to a halt; it is begun again');
  });
});
