import iothub from 'azure-iothub';
import type { Client } from 'azure-iothub';
import common from 'azure-iot-common';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '../../support/until.ts';
import {
  aMessage,
  pauseTimers,
  reportSuccess,
  SEND_TIMEOUT_MS,
  startHubUnderTest,
} from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

/** How long the SDK alone may show that it hangs. */
const A_WHILE_MS = 300;

const METHODS = 'POST /twins/{deviceId}/methods';

/** How long the SDK waits for the hub to end what the hub has ended already. */
const SDK_GIVES_UP_MS = 45_000;

/**
 * What the official SDK does when it is left alone, and what the app makes of it. The first half of each test shows
 * that the pitfall is there, so that we notice when a new version of the SDK has filled it in.
 */
describe('a pitfall of the service SDK', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest({ settings: { feedback: { intervalMs: 20 } } });
  });

  afterEach(async () => {
    server.hub.amqp.dropConnections();
    await server.stop();
    jest.useRealTimers();
  });

  async function openSdkClient(options: { retries?: boolean } = {}): Promise<Client> {
    const client = iothub.Client.fromConnectionString(server.hub.connectionString());
    if (!options.retries) client.setRetryPolicy(new common.NoRetry());
    await client.open();
    return client;
  }

  const sent = (): number => server.seen('transfer', { address: '/messages/devicebound' });

  function sdkMessage(messageId = 'by-the-sdk'): InstanceType<typeof common.Message> {
    const message = new common.Message('{"on":true}');
    message.messageId = messageId;
    return message;
  }

  test('P1: an expiry that is a Date brings the connection down; ours reaches the hub to the millisecond', async () => {
    pauseTimers();
    const client = await openSdkClient();
    const message = sdkMessage();
    message.expiryTimeUtc = new Date(Date.now() + 60_000);
    expect(await outcomeOf(client.send('device-1', message))).toBe('no answer');
    expect(server.hub.state.cloudToDevice.count('device-1')).toBe(0);
    jest.advanceTimersByTime(SDK_GIVES_UP_MS);
    jest.useRealTimers();

    const expiresAt = Date.now() + 60_000;
    await server.connect().sender.send(aMessage({ expiresAt }));

    expect(server.hub.state.cloudToDevice.receive('device-1')?.message.expiresAt).toBe(expiresAt);
  });

  test('P2: feedback that nobody has stored is gone; ours comes again until it is completed', async () => {
    const { feedback } = server.hub.state;
    const client = await openSdkClient();
    const { result: receiver } = await client.getFeedbackReceiver();
    const received = new Promise((resolve) => receiver?.once('message', resolve));
    reportSuccess(server.hub, 'to-the-sdk');
    await received;
    await until('the hub forgets the batch', () => feedback.counts().lockedBatches === 0);
    expect(feedback.counts()).toEqual({ pendingRecords: 0, waitingBatches: 0, lockedBatches: 0 });
    await client.close();

    const { feedback: source } = server.connect();
    reportSuccess(server.hub, 'to-us');
    const first = await source.open();
    const batches = await first.receive({ waitMs: 20_000, maxBatches: 1 });
    await first.close();
    const second = await source.open();
    const again = await second.receive({ waitMs: 20_000, maxBatches: 1 });
    await again[0]?.complete();

    expect(batches[0]?.records).toMatchObject([{ messageId: 'to-us' }]);
    expect(again[0]?.records).toEqual(batches[0]?.records);
    expect(await second.receive({ waitMs: 50, maxBatches: 1 })).toEqual([]);
    await second.close();
  });

  test('P3: what the hub may have taken is sent again; ours goes once, and the doubt is told', async () => {
    const client = await openSdkClient({ retries: true });
    failTwice(server);
    await client.send('device-1', sdkMessage());
    expect(sent()).toBe(3);

    const { sender } = server.connect();
    server.hub.faults.clear();
    failTwice(server);
    const outcome = outcomeOf(sender.send(aMessage()));

    expect(await outcome).toMatchObject({ code: 'hub-outcome-unknown' });
    expect(sent()).toBe(4);
  });

  test('P3: a method whose call failed is called again; ours is called once, and the doubt is told', async () => {
    const { hub } = server;
    const call = { methodName: 'open', payload: null, responseTimeoutInSeconds: 5 };
    const client = await openSdkClient({ retries: true });
    hub.faults.add('https-request', { kind: 'error', httpStatus: 500 }, 2);
    await client.invokeDeviceMethod('device-1', call).catch(() => undefined);
    expect(server.seen(METHODS)).toBe(3);

    for (const httpStatus of [500, 503, 429]) {
      hub.faults.clear();
      hub.faults.add('https-request', { kind: 'error', httpStatus }, 2);
      const before = server.seen(METHODS);

      const outcome = await outcomeOf(server.connect().invoker.invoke(aCall()));

      expect(outcome).toMatchObject({
        code: httpStatus === 429 ? 'throttled' : 'hub-outcome-unknown',
      });
      expect(server.seen(METHODS) - before).toBe(1);
    }
  });

  test('P4: a send or a call without an answer never ends; ours end when their time is up', async () => {
    const { hub } = server;
    const client = await openSdkClient();
    hub.faults.add('amqp-send', { kind: 'no-answer' });
    hub.faults.add('https-request', { kind: 'no-answer' });
    const call = { methodName: 'open', payload: null, responseTimeoutInSeconds: 0.05 };
    const alone = [
      client.send('device-1', sdkMessage()),
      client.invokeDeviceMethod('device-1', call),
    ];
    expect(await Promise.all(alone.map(async (each) => outcomeOf(each)))).toEqual([
      'no answer',
      'no answer',
    ]);
    await client.close();

    pauseTimers();
    const { sender, invoker, probe } = server.connect();
    await sender.send(aMessage({ messageId: 'connects' }));
    hub.faults.add('amqp-send', { kind: 'no-answer' });
    hub.faults.add('https-request', { kind: 'no-answer' });
    const ours = [sender.send(aMessage()), invoker.invoke(aCall({ responseTimeoutSeconds: 5 }))];
    await until('both are with the hub', () => sent() === 3 && server.seen(METHODS) === 2);
    jest.advanceTimersByTime(SEND_TIMEOUT_MS);

    expect(await Promise.all(ours.map(async (each) => outcomeOf(each)))).toMatchObject([
      { code: 'hub-outcome-unknown' },
      { code: 'hub-outcome-unknown' },
    ]);
    hub.faults.add('amqp-put-token', { kind: 'no-answer' }, 2);
    const connecting = [sender.send(aMessage()), probe.check()];
    await until('the hub has a token', () => server.seen('transfer', { address: '/$cbs' }) === 3);
    jest.advanceTimersByTime(SEND_TIMEOUT_MS);

    expect(await Promise.all(connecting.map(async (each) => outcomeOf(each)))).toMatchObject([
      { code: 'hub-unavailable' },
      { code: 'hub-unavailable' },
    ]);
  });

  test('P5: a connection that the hub closes halts everything for 45 s; ours is replaced at once', async () => {
    const { hub } = server;
    pauseTimers();
    const client = await openSdkClient();
    const disconnected = jest.fn();
    client.on('disconnect', disconnected);
    await client.send('device-1', sdkMessage('before'));
    hub.amqp.closeConnections({ condition: 'amqp:connection:forced' });
    await until('the SDK says goodbye', () => server.seen('close', { by: 'client' }) > 0);
    const stuck = client.send('device-1', sdkMessage('stuck'));
    expect(await outcomeOf(stuck)).toBe('no answer');
    expect(disconnected).not.toHaveBeenCalled();
    jest.advanceTimersByTime(SDK_GIVES_UP_MS);
    await outcomeOf(stuck);
    jest.useRealTimers();

    const { sender } = server.connect();
    await sender.send(aMessage({ messageId: 'before-the-close' }));
    hub.faults.add('amqp-send', { kind: 'no-answer' });
    const underWay = sender.send(aMessage({ messageId: 'under-way' }));
    await until('it is with the hub', () => sent() === 3);
    hub.amqp.closeConnections({ condition: 'amqp:connection:forced' });

    expect(await outcomeOf(underWay)).toMatchObject({ code: 'hub-outcome-unknown' });
    expect(await outcomeOf(sender.send(aMessage({ messageId: 'after' })))).toBe('done');
  });

  test('a connection that is lost during sends kills the process; ours fail, and the next goes through', async () => {
    // Of the SDK alone an uncaught RangeError would come here, and end this test.
    const { hub } = server;
    const { sender } = server.connect();
    await sender.send(aMessage());
    hub.faults.add('amqp-send', { kind: 'no-answer' }, 2);
    const underWay = ['one', 'two'].map(async (messageId) => sender.send(aMessage({ messageId })));
    await until('both are with the hub', () => server.seen('transfer') === 4);
    hub.amqp.dropConnections();

    for (const each of underWay) {
      expect(await outcomeOf(each)).toMatchObject({ code: 'hub-outcome-unknown' });
    }
    expect(await outcomeOf(sender.send(aMessage({ messageId: 'after' })))).toBe('done');
  });

  test('P6: sends that begin together open a link each; ours share one', async () => {
    const together = <T>(send: (id: string) => Promise<T>) =>
      Promise.all(Array.from({ length: 50 }, async (_, index) => send(`message-${index}`)));
    const attached = (): number => server.seen('attach', { address: '/messages/devicebound' });
    server.hub.state.registry.create({ deviceId: 'device-2' });
    const client = await openSdkClient();
    await together(async (id) => client.send('device-2', sdkMessage(id)));
    expect(attached()).toBe(50);

    const { sender } = server.connect();
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const deviceId = `many-${index}`;
        server.hub.state.registry.create({ deviceId });
        return sender.send(aMessage({ deviceId }));
      }),
    );

    expect(attached()).toBe(51);
  });
});

function aCall(given: { responseTimeoutSeconds?: number } = {}) {
  return {
    deviceId: 'device-1',
    methodName: 'open',
    payload: null,
    responseTimeoutSeconds: 5,
    connectTimeoutSeconds: 0,
    ...given,
  };
}

function failTwice({ hub }: HubUnderTest): void {
  hub.faults.add('amqp-send', { kind: 'error', condition: 'amqp:internal-error' }, 2);
}

/** `done`, the error, or that nothing came within a while. */
async function outcomeOf(work: Promise<unknown>, ms = A_WHILE_MS): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const nothing = new Promise((resolve) => {
    timer = REAL_SET_TIMEOUT(() => resolve('no answer'), ms);
  });
  const result = work.then(
    () => 'done',
    (error: unknown) => error,
  );
  return Promise.race([result, nothing]).finally(() => clearTimeout(timer));
}

const REAL_SET_TIMEOUT = setTimeout;
