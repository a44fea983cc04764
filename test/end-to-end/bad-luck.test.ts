import { afterEach, describe, expect, test } from '@jest/globals';
import { Stack } from '../support/stack.ts';
import { startStorageProxies } from '../support/tcp-proxy.ts';
import type { StorageProxies } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const MESSAGES = '/api/devices/device-2/messages';

describe('bad luck', () => {
  let stack: Stack;
  let storage: StorageProxies;

  /** A short lease, so that its end is near. */
  async function start(): Promise<void> {
    stack = await Stack.start({
      settings: { DOWNLINK_HAND_OVER_SECONDS: '2' },
      storageFor: async (connectionString) => {
        storage = await startStorageProxies(connectionString);
        return storage.connectionString;
      },
    });
  }

  afterEach(async () => {
    await stack.stop();
    await Promise.all([storage.table.stop(), storage.queue.stop()]);
  });

  const send = async (messageId: string) =>
    stack.call('POST', MESSAGES, { json: { messageId, body: { on: true } } });
  const show = async (messageId: string, query = '') =>
    stack.call('GET', `${MESSAGES}/${messageId}${query}`);
  const waitingAtHub = () => stack.hub.state.cloudToDevice.count('device-2');
  /** Plays the device: takes the first message and completes it. */
  const completeNext = () => {
    const delivery = stack.hub.state.cloudToDevice.receive('device-2');
    if (!delivery) throw new Error('no message waits');
    stack.hub.state.cloudToDevice.complete('device-2', delivery.lockToken);
  };

  test('the hub dies during sends and comes back: clear answers, then it works again by itself', async () => {
    await start();
    expect((await send('before')).status).toBe(202);

    const during = Promise.all(
      Array.from({ length: 20 }, async (_, index) => send(`during-${index}`)),
    );
    await stack.hub.stop();
    const statuses = (await during).map(({ status }) => status);
    const without = await send('without-hub');
    await stack.restartHub();
    const after = await send('after');

    expect(statuses.filter((status) => ![202, 503, 504].includes(status))).toEqual([]);
    expect(without).toMatchObject({ status: 503, body: { code: 'hub-unavailable' } });
    expect(without.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await show('without-hub')).body).toMatchObject({
      status: 'failed',
      failure: { code: 'hub-unavailable' },
    });
    expect(after).toMatchObject({ status: 202, body: { status: 'enqueued' } });
    expect((await send('without-hub')).body).toMatchObject({ status: 'enqueued', attempt: 2 });
  });

  test('storage is away: 503, nothing sent; it comes back, and so do we', async () => {
    await start();
    await storage.table.goAway();

    const away = await send('one');
    const read = await show('one');
    const atHub = waitingAtHub();
    await storage.table.comeBack();
    const back = await send('one');

    expect(away).toMatchObject({ status: 503, body: { code: 'storage-unavailable' } });
    expect(read).toMatchObject({ status: 503, body: { code: 'storage-unavailable' } });
    expect(atHub).toBe(0);
    expect(back).toMatchObject({ status: 202, body: { status: 'enqueued', attempt: 1 } });
  });

  test('the app is killed during the hand-over and the hub has the message: feedback tells', async () => {
    await start();
    stack.hub.faults.add('amqp-send', { kind: 'accept-then-no-answer' });
    const lost = send('one').catch(() => 'cut off');
    await until('the hub has the message', () => waitingAtHub() === 1);

    await stack.app.kill();
    await stack.restartApp();
    const before = await show('one');
    completeNext();
    const followed = await show('one', '?waitSeconds=30');

    expect(await lost).toBe('cut off');
    expect(before.body).toMatchObject({ status: 'accepted', final: false });
    expect(followed.body).toMatchObject({ status: 'delivered', attempt: 1 });
  });

  test('the app is killed during the hand-over and the hub has nothing: unknown, and one repeat sends once', async () => {
    await start();
    stack.hub.faults.add('amqp-send', { kind: 'no-answer' });
    const lost = send('one').catch(() => 'cut off');
    await until('the hub was asked', () => stack.hub.faults.remaining('amqp-send') === 0);

    await stack.app.kill();
    await stack.restartApp();
    const early = await send('one');
    const unknown = await until('the sweep has settled it', async () => {
      await stack.runFunction('watchMessages');
      const { body } = await show('one');
      return body['status'] === 'unknown' && body;
    });
    const repeats = await Promise.all(Array.from({ length: 10 }, async () => send('one')));

    expect(await lost).toBe('cut off');
    expect(early).toMatchObject({ status: 202, body: { status: 'accepted', attempt: 1 } });
    expect(early.headers.get('idempotent-replayed')).toBe('true');
    expect(unknown).toMatchObject({ final: true, attempt: 1 });
    expect(waitingAtHub()).toBe(1);
    expect(
      repeats.filter(({ headers }) => headers.get('idempotent-replayed') === null),
    ).toHaveLength(1);
    expect((await show('one')).body).toMatchObject({ status: 'enqueued', attempt: 2 });
  });

  test('the hub does not say whether it took the message: 504, and feedback settles it', async () => {
    await start();
    stack.hub.faults.add('amqp-send', { kind: 'accept-then-no-answer' });

    const doubt = await send('one');
    const accepted = await show('one');
    completeNext();
    const followed = await show('one', '?waitSeconds=30');

    expect(doubt).toMatchObject({ status: 504, body: { code: 'hub-outcome-unknown' } });
    expect(accepted.body).toMatchObject({ status: 'accepted' });
    expect(followed.body).toMatchObject({ status: 'delivered' });
  });
});
