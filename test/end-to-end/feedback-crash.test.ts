import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Stack } from '../support/stack.ts';
import { startStorageProxies } from '../support/tcp-proxy.ts';
import type { StorageProxies } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const COUNT = 10;
/** What is in a request that stores an outcome. */
const OUTCOME = { ours: 'delivered', theirs: 'Success' };

describe('a crash between receiving feedback and settling it', () => {
  let stack: Stack;
  let storage: StorageProxies;

  beforeEach(async () => {
    stack = await Stack.start({
      storageFor: async (connectionString) => {
        storage = await startStorageProxies(connectionString);
        return storage.connectionString;
      },
    });
  });
  afterEach(async () => {
    await stack.stop();
    await Promise.all([storage.table.stop(), storage.queue.stop()]);
  });

  const ids = Array.from({ length: COUNT }, (_, index) => `message-${index}`);

  async function sendAll(): Promise<void> {
    const answers = await Promise.all(
      ids.map(async (messageId) =>
        stack.call('POST', '/api/devices/device-2/messages', { json: { messageId } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
  }

  /** Plays the device: completes everything that waits. The hub reports it in one batch or more. */
  function completeAll(): void {
    const { cloudToDevice } = stack.hub.state;
    for (
      let delivery = cloudToDevice.receive('device-2');
      delivery;
      delivery = cloudToDevice.receive('device-2')
    ) {
      cloudToDevice.complete('device-2', delivery.lockToken);
    }
  }

  const feedbackLeft = () => {
    const { pendingRecords, waitingBatches, lockedBatches } = stack.hub.state.feedback.counts();
    return pendingRecords + waitingBatches + lockedBatches;
  };

  async function histories(): Promise<string[]> {
    const { body } = await stack.call('GET', '/api/devices/device-2/messages');
    const items = body['items'] as { history: { status: string }[] }[];
    return items.map(({ history }) => history.map(({ status }) => status).join(' → '));
  }

  test.each([
    ['before it is stored', 'holdRequests'],
    ['after it is stored and before it is settled', 'holdAnswers'],
  ] as const)('killed %s, Downlink loses nothing and records nothing twice', async (_, hold) => {
    await sendAll();
    const held = storage.table[hold](OUTCOME.ours);
    completeAll();
    await held;

    await stack.app.kill();
    const afterCrash = feedbackLeft();
    storage.table.release();
    await stack.restartApp();
    // Whoever sends or waits wakes the drain; without them a timer does within five minutes.
    await stack.call('POST', '/api/devices/device-1/messages', { json: {} });
    await until('all outcomes are known', async () => {
      const all = await histories();
      return all.every((history) => history.endsWith('delivered'));
    });

    expect(afterCrash).toBeGreaterThan(0);
    expect(await histories()).toEqual(ids.map(() => 'accepted → enqueued → delivered'));
    await until('all feedback is settled', () => feedbackLeft() === 0);
  });

  test('killed before it is stored, the service SDK’s own receiver loses outcomes: it has settled them', async () => {
    await sendAll();
    await stack.app.kill();
    const authority = path.join(stack.folder, 'sdk-authority.pem');
    await writeFile(authority, stack.hub.certificateAuthorityPem);
    const startReceiver = async () => {
      const child = fork(path.resolve('test/end-to-end/fixtures/sdk-feedback-receiver.js'), {
        execArgv: [],
        env: {
          ...process.env,
          NODE_EXTRA_CA_CERTS: authority,
          HUB_CONNECTION_STRING: stack.hub
            .connectionString('iothubowner')
            .replace(/HostName=[^;]+/, `HostName=localhost:${stack.hub.ports.amqp}`),
          STORAGE_CONNECTION_STRING: storage.connectionString,
        },
      });
      await once(child, 'message');
      return child;
    };
    const first = await startReceiver();
    const held = storage.table.holdRequests(OUTCOME.theirs);
    completeAll();
    await held;
    await until('the hub takes all feedback for settled', () => feedbackLeft() === 0);

    first.kill('SIGKILL');
    await once(first, 'exit');
    storage.table.release();

    // Nothing is left at the hub for anybody, and nothing was stored.
    expect(feedbackLeft()).toBe(0);
    await stack.restartApp();
    expect(await histories()).toEqual(ids.map(() => 'accepted → enqueued'));
  });
});

describe('a batch with a broken record, read over REST', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start({
      hub: { settings: { feedback: { intervalMs: 60_000 } } },
      settings: { DOWNLINK_FEEDBACK_SOURCE: 'rest' },
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  test('stores the other 63', async () => {
    const { cloudToDevice, feedback } = stack.hub.state;
    const send = async (deviceId: string, messageId: string) =>
      stack.call('POST', `/api/devices/${deviceId}/messages`, { json: { messageId } });
    const complete = (deviceId: string) => {
      const delivery = cloudToDevice.receive(deviceId);
      if (delivery) cloudToDevice.complete(deviceId, delivery.lockToken);
    };

    // The hub's first batch goes out at once; the next one when it is full.
    await send('device-1', 'first');
    complete('device-1');
    const others = Array.from({ length: 63 }, (_, index) => `other-${index}`);
    const deviceOf = (index: number) => (index % 2 === 0 ? 'device-1' : 'device-2');
    await Promise.all(others.map(async (id, index) => send(deviceOf(index), id)));
    feedback.add({ originalMessageId: 'broken', statusCode: 'Nonsense' } as never);
    others.forEach((_, index) => {
      complete(deviceOf(index));
    });

    const delivered = await until('the others are delivered', async () => {
      const pages = await Promise.all(
        ['device-1', 'device-2'].map(async (deviceId) =>
          stack.call('GET', `/api/devices/${deviceId}/messages?status=delivered`),
        ),
      );
      const items = pages.flatMap(({ body }) => body['items'] as { messageId: string }[]);
      return items.length === 64 && items.map(({ messageId }) => messageId);
    });
    expect(new Set(delivered)).toEqual(new Set(['first', ...others]));
    await until('the batch is settled', () => feedback.counts().lockedBatches === 0);
    await until('the log counts it', () => /"unreadable":\{"[\w-]+":1\}/.test(stack.app.output()));
  });
});
