import { afterEach, describe, expect, test } from '@jest/globals';
import { Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { MESSAGES, queueOne, show, take, waitingAtHub } from './queued-messages.ts';

describe('queued dispatch, in bad luck', () => {
  let stack: Stack;
  const start = async () => {
    stack = await Stack.start({ settings: { DOWNLINK_HAND_OVER_SECONDS: '2' } });
  };
  afterEach(async () => {
    await stack.stop();
  });

  test('keeps the order of parallel senders behind a full queue, and follows as the device makes room', async () => {
    await start();
    const senders = ['a', 'b', 'c'];
    const count = 20;
    const accepted: { messageId: string; createdAt: string }[] = [];
    await Promise.all(
      senders.map(async (sender) => {
        for (let index = 0; index < count; index += 1) {
          const { status, body } = await queueOne(stack, `full-${sender}-${index}`);
          expect(status).toBe(202);
          accepted.push(body as never);
        }
      }),
    );
    await until('the queue at the hub is full', () => waitingAtHub(stack) === 50);
    const device = await until('the rest is deferred', async () => {
      const { body } = await stack.call('GET', '/api/devices/device-2');
      return body['deferredMessages'] === 10 && body;
    });
    const { body: deferred } = await stack.call('GET', `${MESSAGES}?status=deferred&limit=200`);
    const taken: string[] = [];
    await until('the device has all', () => {
      for (let id = take(stack); id !== undefined; id = take(stack)) taken.push(id);
      return taken.length === senders.length * count;
    });

    expect(device).toMatchObject({ queuedMessages: 50 });
    expect((deferred['items'] as { history: object[] }[]).at(0)?.history.at(-1)).toMatchObject({
      status: 'deferred',
      detail: 'device-queue-full',
    });
    const inOrder = accepted.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
    expect(taken).toEqual(inOrder.map(({ messageId }) => messageId));
  });

  test('outlives a hub that is away: no error, and everything arrives in order', async () => {
    await start();
    await stack.hub.stop();
    const ids = Array.from({ length: 5 }, (_, index) => `away-${index}`);
    for (const id of ids) expect((await queueOne(stack, id)).status).toBe(202);
    await until('they wait', async () => (await show(stack, 'away-4'))['status'] === 'deferred');
    await stack.restartHub();
    await until('the hub has them', () => waitingAtHub(stack) === 5, 30_000);

    expect(ids.map(() => take(stack))).toEqual(ids);
  });

  test('killed between the hand-over and its record, repeats that message with the same id, and nothing else', async () => {
    await start();
    stack.hub.faults.add('amqp-send', { kind: 'accept-then-no-answer' });
    await queueOne(stack, 'one');
    await queueOne(stack, 'two');
    await until('the hub has the first', () => waitingAtHub(stack) === 1);

    await stack.app.kill();
    await stack.restartApp();
    await until('both are handed over', async () => {
      await stack.runFunction('watchMessages');
      await stack.runFunction('dispatchMessages', '{"deviceId":"device-2"}');
      return waitingAtHub(stack) === 3;
    });

    expect([take(stack), take(stack), take(stack)]).toEqual(['one', 'one', 'two']);
    expect(await show(stack, 'one', '?waitSeconds=30')).toMatchObject({ status: 'delivered' });
  });
});
