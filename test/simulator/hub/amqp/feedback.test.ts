import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Client } from 'azure-iothub';
import { once, type EventEmitter } from 'node:events';
import type { Delivery, EventContext, Receiver } from 'rhea';
import { aMessage, HOUR, MINUTE } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { next, type RawAmqpClient } from './raw-amqp-client.ts';

const ADDRESS = '/messages/serviceBound/feedback';

let hub: AmqpHub;

beforeEach(async () => {
  // Each record at once, in a batch of its own.
  hub = await startAmqpHub({ feedback: { batchSize: 1 } });
});

afterEach(async () => {
  await hub.stop();
});

interface Batch {
  ids: string[];
  context: EventContext;
  delivery: Delivery;
}

/** What comes over a link, to be waited for one by one. */
class Inbox {
  readonly receiver: Receiver;
  readonly #batches: Batch[] = [];
  #waiting: (() => void) | undefined;

  constructor(receiver: Receiver) {
    this.receiver = receiver;
    receiver.on('message', (context: EventContext) => {
      const { delivery, message } = context;
      if (!delivery) return;
      const records: { originalMessageId: string }[] = JSON.parse(String(message?.body.content));
      this.#batches.push({
        ids: records.map(({ originalMessageId }) => originalMessageId),
        context,
        delivery,
      });
      this.#waiting?.();
    });
  }

  get size(): number {
    return this.#batches.length;
  }

  async next(): Promise<Batch> {
    const batch = this.#batches.shift();
    if (batch) return batch;
    await new Promise<void>((resolve) => {
      this.#waiting = resolve;
    });
    return this.next();
  }
}

async function inbox(client: RawAmqpClient, credit: number, address = ADDRESS): Promise<Inbox> {
  const link = new Inbox(await client.attachReceiver(address));
  if (credit > 0) link.receiver.add_credit(credit);
  return link;
}

/** A round trip: what the hub was to do before is done. */
async function roundTrip(client: RawAmqpClient): Promise<void> {
  await client.putToken(hub.token());
}

function counts() {
  return hub.state.feedback.counts();
}

async function sdkReceiver(client: Client): Promise<EventEmitter> {
  // Typed as the receiver alone, but resolves with a result around it.
  const answer: unknown = await client.getFeedbackReceiver();
  return (answer as { result: EventEmitter }).result;
}

describe('the feedback receiver of the service SDK', () => {
  test('gets a batch as the service makes it', async () => {
    await hub.stop();
    hub = await startAmqpHub({ feedback: { batchSize: 2 } });
    hub.completeMessage('first');
    hub.completeMessage('second');
    hub.completeMessage('third');
    const receiver = await sdkReceiver(hub.sdkClient());

    const [first] = await once(receiver, 'message');
    const [second] = await once(receiver, 'message');

    const { generationId } = hub.state.registry.get('device-1');
    const record = {
      statusCode: 'Success',
      description: 'Success',
      deviceId: 'device-1',
      deviceGenerationId: generationId,
      enqueuedTimeUtc: new Date(hub.clock.now()).toISOString(),
    };
    expect(JSON.parse(first.getData().toString())).toEqual([
      { originalMessageId: 'first', ...record },
    ]);
    expect(JSON.parse(second.getData().toString())).toEqual([
      { originalMessageId: 'second', ...record },
      { originalMessageId: 'third', ...record },
    ]);
    expect(first.contentType).toBe('application/vnd.microsoft.iothub.feedback.json');
    expect(String(first.transportObj.user_id)).toBe('localhost');
    expect(first.transportObj.message_annotations['iothub-enqueuedtime']).toBe(hub.clock.now());
  });

  test('has settled the batch the moment it hands it over, and waits for more', async () => {
    const receiver = await sdkReceiver(hub.sdkClient());
    for (const id of ['1', '2', '3']) {
      hub.completeMessage(id);
      await once(receiver, 'message');
    }
    await hub.untilLogged('disposition', 3);

    expect(counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });

  test.each<[string, () => void]>([
    ['the hub', () => hub.state.clock.advance(2 * HOUR)],
    ['the machine', () => hub.clock.advance(2 * HOUR)],
  ])(
    'gets a record once while the clock of %s jumps two hours, and settles it',
    async (_, jump) => {
      const receiver = await sdkReceiver(hub.sdkClient());
      // It has given credit, too.
      hub.completeMessage('soon');
      await hub.untilLogged('disposition');
      const expiresAt = hub.clock.now() + 90 * MINUTE;
      hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'late', expiresAt }));
      const message = once(receiver, 'message');

      jump();

      const handedOut = hub
        .events('transfer')
        .filter(({ detail }) => detail?.['content'] === 'feedback');
      expect([handedOut.length, counts().lockedBatches]).toEqual([2, 1]);
      expect(JSON.parse((await message)[0].getData().toString())).toMatchObject([
        { originalMessageId: 'late', statusCode: 'Expired' },
      ]);
      await hub.untilLogged('disposition', 2);
      expect(counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
    },
  );

  test('may be told of uploaded files, and hears of none', async () => {
    const client = hub.sdkClient();

    await client.getFileNotificationReceiver();

    expect(hub.events('detach')).toEqual([]);
  });
});

describe('a feedback link with credit by hand', () => {
  test('gets one batch at a time, in order, each after the one before is accepted', async () => {
    for (const id of ['1', '2', '3']) hub.completeMessage(id);
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 10);

    for (const id of ['1', '2', '3']) {
      const { ids, delivery } = await link.next();
      await roundTrip(client);
      expect([ids, link.size]).toEqual([[id], 0]);
      delivery.accept();
    }
    await hub.untilLogged('disposition', 3);

    expect(counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });

  test('gets nothing without credit', async () => {
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 0);

    hub.completeMessage('1');
    await roundTrip(client);
    expect([link.size, counts().waitingBatches]).toEqual([0, 1]);

    link.receiver.add_credit(1);
    expect((await link.next()).ids).toEqual(['1']);
  });

  test('gets a batch only, not the next, with credit for one', async () => {
    hub.completeMessage('1');
    hub.completeMessage('2');
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 1);

    const { delivery } = await link.next();
    delivery.accept();
    await hub.untilLogged('disposition');
    await roundTrip(client);

    expect([link.size, counts().waitingBatches]).toEqual([0, 1]);
  });

  test('has its lock token as the tag of the delivery', async () => {
    hub.completeMessage('1');
    const link = await inbox(await hub.authorizedRawClient(), 1);

    const { delivery } = await link.next();

    expect(delivery.tag).toHaveLength(16);
  });

  test('is known by its address however that is spelt', async () => {
    hub.completeMessage('1');
    const link = await inbox(
      await hub.authorizedRawClient(),
      1,
      '/messages/servicebound/FEEDBACK/',
    );

    expect((await link.next()).ids).toEqual(['1']);
  });

  test.each<[string, (delivery: Delivery) => void, number]>([
    ['released', (delivery) => delivery.release(), 1],
    ['modified', (delivery) => delivery.modified({ delivery_failed: true }), 1],
    ['settled without an outcome', (delivery) => delivery.update(true), 0],
  ])('gets a batch again that it has %s', async (_, settle, deliveryCount) => {
    hub.completeMessage('1');
    const link = await inbox(await hub.authorizedRawClient(), 2);

    settle((await link.next()).delivery);
    const again = await link.next();

    expect(again.ids).toEqual(['1']);
    expect(again.context.message?.delivery_count).toBe(deliveryCount);
  });

  test('loses a batch that it has released ten times', async () => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 20);

    for (let count = 0; count < 10; count++) (await link.next()).delivery.release();
    await hub.untilLogged('disposition', 10);

    expect(counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });

  test('is rid of a batch that it has rejected', async () => {
    hub.completeMessage('1');
    const link = await inbox(await hub.authorizedRawClient(), 2);

    (await link.next()).delivery.reject({ condition: 'amqp:decode-error' });
    await hub.untilLogged('disposition');

    expect(counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
  });

  test('may settle in two steps', async () => {
    hub.completeMessage('1');
    hub.completeMessage('2');
    const client = await hub.authorizedRawClient();
    const receiver = await client.attachReceiver(ADDRESS, { rcv_settle_mode: 1, autosettle: true });
    const link = new Inbox(receiver);
    receiver.add_credit(2);

    const settled = next(receiver, 'settled');
    (await link.next()).delivery.accept();
    const { delivery } = await settled;

    // AMQP 1.0 §2.7.6. Without the state, the client's rhea complains on its console.
    expect(delivery?.remote_state).toHaveProperty('constructor.composite_type', 'accepted');
    expect((await link.next()).ids).toEqual(['2']);
  });

  test('gets the batch again once its lock has run out, and can no longer settle the first copy', async () => {
    hub.completeMessage('1');
    const link = await inbox(await hub.authorizedRawClient(), 2);
    const first = await link.next();

    hub.clock.advance(MINUTE);
    const second = await link.next();
    first.delivery.accept();
    await hub.untilLogged('disposition');

    expect(second.ids).toEqual(['1']);
    expect(counts().lockedBatches).toBe(1);
    second.delivery.accept();
    await hub.untilLogged('disposition', 2);
    expect(counts().lockedBatches).toBe(0);
  });

  test.each<[string, (client: RawAmqpClient, link: Inbox) => void]>([
    ['its connection is cut', (client) => client.destroy()],
    ['its connection is closed', (client) => client.connection.close()],
    ['its session is ended', (_, { receiver }) => receiver.session.close()],
    ['it is detached', (_, { receiver }) => receiver.detach()],
    ['it is closed', (_, { receiver }) => receiver.close()],
    ['the hub cuts the connection', () => hub.head.dropConnections()],
    ['the hub closes the connection', () => hub.head.closeConnections()],
    [
      'the hub detaches it',
      () => hub.head.detachLinks('servicebound/feedback', 'amqp:link:detach-forced'),
    ],
  ])('gives up what it holds at once when %s', async (_, end) => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 1);
    await link.next();

    end(client, link);
    const other = await inbox(await hub.authorizedRawClient(), 1);
    const again = await other.next();

    expect(again.ids).toEqual(['1']);
    expect(again.context.message?.delivery_count).toBe(0);
  });

  test('swallows nothing once it is dead', async () => {
    const dead = await hub.authorizedRawClient();
    await inbox(dead, 100);
    const alive = await hub.authorizedRawClient();
    dead.destroy();
    await hub.untilLogged('disconnected');

    hub.completeMessage('1');

    expect((await (await inbox(alive, 1)).next()).ids).toEqual(['1']);
  });

  test('takes turns with others', async () => {
    const order: number[] = [];
    for (const place of [0, 1, 2]) {
      const receiver = await (await hub.authorizedRawClient()).attachReceiver(ADDRESS);
      receiver.on('message', ({ delivery }: EventContext) => {
        order.push(place);
        delivery?.accept();
      });
      receiver.add_credit(10);
    }

    for (let id = 0; id < 6; id++) hub.completeMessage(`message-${id}`);
    await hub.untilLogged('disposition', 6);

    expect(new Set(order.slice(0, 3))).toEqual(new Set([0, 1, 2]));
    expect(order.slice(3)).toEqual(order.slice(0, 3));
  });

  test('is drained when there is nothing to send', async () => {
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 0);
    const drained = next(link.receiver, 'receiver_drained');

    link.receiver.drain = true;
    link.receiver.add_credit(5);
    await drained;
    hub.completeMessage('1');
    await roundTrip(client);

    expect([link.size, counts().waitingBatches]).toEqual([0, 1]);
  });

  test('is drained after what there is has been sent', async () => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient();
    const link = await inbox(client, 0);
    const drained = next(link.receiver, 'receiver_drained');

    link.receiver.drain = true;
    link.receiver.add_credit(5);
    await drained;

    expect(link.size).toBe(1);
  });

  test('leaves to others of its session what it has no credit for', async () => {
    await hub.stop();
    hub = await startAmqpHub({ feedback: { batchSize: 1, maxLockedBatches: 10 } });
    const client = await hub.authorizedRawClient();
    const little = await inbox(client, 1);
    const much = await inbox(client, 10);

    for (const id of ['1', '2', '3', '4']) hub.completeMessage(id);
    for (let count = 0; count < 3; count++) await much.next();

    expect([little.size, much.size]).toEqual([1, 0]);
  });

  test('may go with hundreds of batches that it has not settled, and come again, and again', async () => {
    await hub.stop();
    hub = await startAmqpHub({ feedback: { batchSize: 1, maxLockedBatches: 1_000 } });
    for (let id = 0; id < 700; id++) hub.completeMessage(`message-${id}`);
    const client = await hub.authorizedRawClient();

    const received: number[] = [];
    for (let round = 0; round < 4; round++) {
      const link = await inbox(client, 700);
      for (let count = 0; count < 700; count++) {
        const { delivery } = await link.next();
        // The client's rhea forgets it; the hub is told nothing.
        Object.assign(delivery, { settled: true });
      }
      received.push(counts().lockedBatches);
      link.receiver.close();
      await next(link.receiver, 'receiver_close');
    }

    // More than rhea holds unsettled in one session.
    expect(received).toEqual([700, 700, 700, 700]);
  });

  test('brings a batch of many frames', async () => {
    await hub.stop();
    hub = await startAmqpHub({ feedback: { batchSize: 1_000, intervalMs: MINUTE } });
    hub.completeMessage('first');
    const ids = Array.from({ length: 1_000 }, (_, place) => `message-${place}`);
    for (const id of ids) hub.completeMessage(id);
    const link = await inbox(await hub.authorizedRawClient(), 2);
    (await link.next()).delivery.accept();

    const batch = await link.next();

    expect(batch.ids).toEqual(ids);
  });

  test('does not hold up others of its session while it has no credit', async () => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient();
    await inbox(client, 0);
    const withCredit = await inbox(client, 1);

    expect((await withCredit.next()).ids).toEqual(['1']);
  });
});
