import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { QueueServiceClient } from '@azure/storage-queue';
import { Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { MESSAGES, queueOne, show, waitingAtHub } from './queued-messages.ts';

describe('queued dispatch', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start();
  });
  afterAll(async () => {
    await stack.stop();
  });
  beforeEach(async () => {
    await stack.call('DELETE', MESSAGES);
  });

  test('accepts, hands over, and the device’s outcome comes back', async () => {
    const body = 'x'.repeat(64_000);
    const answer = await queueOne(stack, 'one', { bodyText: body });

    expect(answer).toMatchObject({ status: 202, body: { messageId: 'one', final: false } });
    expect(answer.headers.get('location')).toBe(`${MESSAGES}/one`);
    await until('the hub has it', () => waitingAtHub(stack) === 1);
    const delivery = stack.hub.state.cloudToDevice.receive('device-2');
    expect(Buffer.from(delivery?.message.body ?? []).toString()).toBe(body);
    stack.hub.state.cloudToDevice.complete('device-2', delivery?.lockToken ?? '');
    expect(await show(stack, 'one', '?waitSeconds=30')).toMatchObject({ status: 'delivered' });
  });

  test('purges what is deferred together with the hub’s queue', async () => {
    stack.hub.faults.add('amqp-send', {
      kind: 'error',
      condition: 'amqp:resource-limit-exceeded',
    });
    await queueOne(stack, 'purge-1');
    await queueOne(stack, 'purge-2');
    await until('it is put off', async () => {
      return (await show(stack, 'purge-1'))['status'] === 'deferred';
    });

    const { body } = await stack.call('DELETE', MESSAGES);

    expect(body['deferredPurged']).toBeGreaterThan(0);
    expect(await show(stack, 'purge-2', '?waitSeconds=10')).toMatchObject({ status: 'purged' });
  });

  test('puts junk into the poison queue, with the reason in the log, and goes on', async () => {
    const queues = QueueServiceClient.fromConnectionString(stack.storage.connectionString);
    const junk = [
      'no json',
      '{"deviceId":7}',
      '{"deviceId":"no/id"}',
      '{"deviceId":"device-2","more":1}',
    ];
    for (const text of junk) {
      await queues
        .getQueueClient('downlink-dispatch')
        .sendMessage(Buffer.from(text).toString('base64'));
    }
    await queueOne(stack, 'after-junk');
    await until('the good one is handed over', () => waitingAtHub(stack) === 1);
    const poison = queues.getQueueClient('downlink-dispatch-poison');
    await poison.createIfNotExists();
    const left = await until('all of it is in the poison queue', async () => {
      const { peekedMessageItems } = await poison.peekMessages({ numberOfMessages: 32 });
      return peekedMessageItems.length === junk.length && peekedMessageItems;
    });
    const poisoned = left.map(({ messageText }) =>
      JSON.parse(Buffer.from(messageText, 'base64').toString()),
    );
    expect(new Set(poisoned.map(({ message }) => message))).toEqual(new Set(junk));
    expect(poisoned[0]).toMatchObject({ reason: { code: 'not-understood' } });
    expect(stack.app.output()).toContain(
      'queue.poisoned {"queue":"dispatchMessages","code":"not-understood"}',
    );
    expect(stack.app.output()).not.toContain('no/id');
  });
});
