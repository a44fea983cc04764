import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import { once } from 'node:events';
import rhea from 'rhea';
import type { EventContext, Message, Sender } from 'rhea';
import { SECOND } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { next, sendAndSettle } from './raw-amqp-client.ts';
import { attach, close, transfer } from './raw-frames.ts';
import { RawPeer } from './raw-peer.ts';

const SENDS = '/messages/devicebound';
const FEEDBACK = '/messages/serviceBound/feedback';
const MESSAGE: Message = { to: '/devices/device-1/messages/devicebound', body: 'on' };
const OPEN = 0x10;
const FLOW = 0x13;
const DISPOSITION = 0x15;
const CLOSE = 0x18;

let hub: AmqpHub;

beforeEach(async () => {
  hub = await startAmqpHub();
});

afterEach(async () => {
  await hub.stop();
});

function putToken(body: string): Buffer {
  const name = 'localhost';
  const type = 'servicebus.windows.net:sastoken';
  return rhea.message.encode({
    application_properties: { operation: 'put-token', type, name },
    body,
  });
}

function enqueued(): number {
  return hub.state.cloudToDevice.count('device-1');
}

/** The outcomes in the order of their arrival, by the numbers of the deliveries. */
function outcomes(sender: Sender): string[] {
  const seen: string[] = [];
  for (const outcome of ['accepted', 'rejected', 'released'])
    sender.on(outcome, ({ delivery }: EventContext) => seen.push(`${delivery?.id} ${outcome}`));
  return seen;
}

describe('a fault planned for sends', () => {
  test.each([
    ['no-answer', 1],
    ['accept-then-no-answer', 2],
  ] as const)('"%s" leaves the message without disposition', async (kind, messages) => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(SENDS);
    const seen = outcomes(sender);
    hub.faults.add('amqp-send', { kind });

    const { id } = sender.send(MESSAGE);
    await sendAndSettle(sender, MESSAGE);

    expect(seen).toEqual([`${id + 1} accepted`]);
    expect(enqueued()).toBe(messages);
  });

  test('"no-answer" can be meant for more messages than a session holds unsettled', async () => {
    const peer = new RawPeer(await hub.openTls());
    peer.sendBegun(attach({ name: 'cbs', handle: 0, isReceiver: false }));
    await peer.received(FLOW);
    peer.send(transfer({ handle: 0, deliveryId: 0 }, putToken(hub.token())));
    peer.send(attach({ name: 'sends', handle: 1, isReceiver: false, address: SENDS }));
    await peer.received(FLOW, 2);
    hub.faults.add('amqp-send', { kind: 'no-answer' }, 2_100);
    const payload = rhea.message.encode(MESSAGE);

    for (let id = 1; id <= 2_100; id += 700) {
      const ids = Array.from({ length: 700 }, (_, place) => id + place);
      peer.send(...ids.map((deliveryId) => transfer({ handle: 1, deliveryId }, payload)));
      await hub.untilLogged('transfer', id + 700);
    }
    peer.send(transfer({ handle: 1, deliveryId: 2_101 }, payload));
    // The first was for the token.
    await peer.received(DISPOSITION, 2);

    expect(enqueued()).toBe(1);
    peer.destroy();
  });

  test('"error" without more is an internal error', async () => {
    const client = await hub.authorizedRawClient();
    hub.faults.add('amqp-send', { kind: 'error' });

    const { error } = await sendAndSettle(await client.attachSender(SENDS), MESSAGE);

    expect(error?.condition).toBe('amqp:internal-error');
    expect(enqueued()).toBe(0);
  });

  test('"delay" holds a message back for its time', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(SENDS);
    const seen = outcomes(sender);
    hub.faults.add('amqp-send', { kind: 'delay', ms: 3 * SECOND });

    const { id } = sender.send(MESSAGE);
    await sendAndSettle(sender, MESSAGE);
    expect([enqueued(), seen]).toEqual([1, [`${id + 1} accepted`]]);

    hub.wallClock.advance(3 * SECOND);
    await next(sender, 'accepted');
    expect([enqueued(), seen]).toEqual([2, [`${id + 1} accepted`, `${id} accepted`]]);
  });

  test('"delay" is not for connections that are over by then', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(SENDS);
    hub.faults.add('amqp-send', { kind: 'delay', ms: SECOND });
    sender.send(MESSAGE);
    await hub.untilLogged('transfer', 2);

    client.destroy();
    await hub.untilLogged('disconnected');
    hub.wallClock.advance(SECOND);

    expect(enqueued()).toBe(0);
  });

  test('"drop-connection" cuts it before the message is taken', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(SENDS);
    const disconnected = next(client.connection, 'disconnected');
    hub.faults.add('amqp-send', { kind: 'drop-connection' });

    sender.send(MESSAGE);
    await disconnected;

    expect(enqueued()).toBe(0);
  });

  test('a connection can be cut after the message is taken, before anyone is told', async () => {
    const client = await hub.authorizedRawClient();
    const sender = await client.attachSender(SENDS);
    const seen = outcomes(sender);
    const disconnected = next(client.connection, 'disconnected');
    const stopListening = hub.state.journal.onEvent(() => hub.head.dropConnections());

    sender.send(MESSAGE);
    await disconnected;
    stopListening();

    expect([enqueued(), seen]).toEqual([1, []]);
  });
});

describe('a fault planned for attaches', () => {
  test('"error" refuses the link', async () => {
    const client = await hub.authorizedRawClient();
    hub.faults.add('amqp-attach', {
      kind: 'error',
      condition: 'amqp:resource-limit-exceeded',
      description: 'as planned',
    });

    expect((await client.refusal('receiver', FEEDBACK)).error).toEqual({
      condition: 'amqp:resource-limit-exceeded',
      description: 'as planned',
    });
    await client.attachReceiver(FEEDBACK);
  });

  test('"drop-connection" cuts it', async () => {
    const client = await hub.authorizedRawClient();
    const disconnected = next(client.connection, 'disconnected');
    hub.faults.add('amqp-attach', { kind: 'drop-connection' });

    client.connection.open_receiver(FEEDBACK);

    expect(await disconnected).toBeDefined();
  });

  test.each(['no-answer', 'accept-then-no-answer'] as const)(
    '"%s" leaves the link unanswered, and others work',
    async (kind) => {
      hub.completeMessage('1');
      const client = await hub.authorizedRawClient();
      hub.faults.add('amqp-attach', { kind });

      const unanswered = client.connection.open_receiver({
        source: FEEDBACK,
        autoaccept: false,
        credit_window: 0,
      });
      unanswered.add_credit(5);
      const { outcome } = await sendAndSettle(await client.attachSender(SENDS), MESSAGE);

      expect(outcome).toBe('accepted');
      expect(unanswered.is_remote_open()).toBe(false);
      expect(hub.state.feedback.counts().waitingBatches).toBe(1);
    },
  );

  test('"delay" answers later, and the link works', async () => {
    hub.completeMessage('1');
    const client = await hub.authorizedRawClient();
    hub.faults.add('amqp-attach', { kind: 'delay', ms: SECOND }, 2);

    const late = client.connection.open_receiver({
      source: FEEDBACK,
      autoaccept: false,
      credit_window: 0,
    });
    late.add_credit(1);
    const lateSender = client.connection.open_sender(SENDS);
    await client.putToken(hub.token());
    expect([late.is_remote_open(), lateSender.is_remote_open()]).toEqual([false, false]);
    const message = next(late, 'message');
    hub.wallClock.advance(SECOND);

    expect((await message).message).toBeDefined();
    expect(await sendAndSettle(lateSender, MESSAGE)).toMatchObject({ outcome: 'accepted' });
  });

  test('"delay" is over when the client or the hub detaches the link meanwhile', async () => {
    const client = await hub.authorizedRawClient();
    hub.faults.add('amqp-attach', { kind: 'delay', ms: SECOND }, 2);
    const first = client.connection.open_receiver(FEEDBACK);
    const second = client.connection.open_receiver(FEEDBACK);
    await hub.untilLogged('attach', 4);

    const closed = next(second, 'receiver_close');
    first.close();
    await hub.untilLogged('detach');
    hub.head.detachLinks('FEEDBACK', 'amqp:link:detach-forced');
    await closed;
    hub.wallClock.advance(SECOND);

    expect(second.error).toMatchObject({ condition: 'amqp:link:detach-forced' });
    expect((await client.putToken(hub.token())).code).toBe(200);
  });
});

describe('a fault planned for put-token', () => {
  test.each([
    [{ kind: 'error' } as const, 401, 'ErrorCode:ServerError;A planned fault'],
    [{ kind: 'error', httpStatus: 500, description: 'as planned' } as const, 500, 'as planned'],
  ])('%j is answered so', async (effect, code, description) => {
    const client = await hub.rawClient();
    hub.faults.add('amqp-put-token', effect);

    expect(await client.putToken(hub.token())).toMatchObject({ code, description });
    expect((await client.refusal('sender', SENDS)).error.condition).toBe(
      'amqp:unauthorized-access',
    );
  });

  test.each([
    ['no-answer', false],
    ['accept-then-no-answer', true],
  ] as const)('"%s" is not answered; the token counts: %s', async (kind, isTaken) => {
    const client = await hub.rawClient();
    hub.faults.add('amqp-put-token', { kind });
    const answered: string[] = [];

    void client.putToken(hub.token()).then(() => answered.push('token'));
    await client.putToken('nonsense').then(() => answered.push('nonsense'));
    const sender = client.connection.open_sender(SENDS);
    const event = await Promise.race([
      next(sender, 'sendable').then(() => 'sendable'),
      next(sender, 'sender_close').then(() => 'refused'),
    ]);

    expect(answered).toEqual(['nonsense']);
    expect(event).toBe(isTaken ? 'sendable' : 'refused');
  });

  test('"delay" is answered later', async () => {
    const client = await hub.rawClient();
    hub.faults.add('amqp-put-token', { kind: 'delay', ms: SECOND });

    const status = client.putToken(hub.token());
    await client.putToken('nonsense');
    hub.wallClock.advance(SECOND);

    expect((await status).code).toBe(200);
  });

  test('"drop-connection" is an unavailable service to the SDK', async () => {
    hub.faults.add('amqp-put-token', { kind: 'drop-connection' });

    await expect(hub.sdkClient().open()).rejects.toMatchObject({ name: 'ServiceUnavailableError' });
  });
});

describe('the service SDK', () => {
  test('hears of a cut connection, and connects again to send', async () => {
    const client = hub.sdkClient();
    await client.open();
    await client.getFeedbackReceiver();
    const disconnected = once(client, 'disconnect');

    hub.head.dropConnections();
    await disconnected;
    await client.send('device-1', new common.Message('on'));

    expect(enqueued()).toBe(1);
  });

  test('has lost its feedback receiver with the connection, and may get a new one', async () => {
    const client = hub.sdkClient();
    await client.open();
    const first: unknown = await client.getFeedbackReceiver();
    const disconnected = once(client, 'disconnect');
    hub.head.dropConnections();
    await disconnected;

    const second: unknown = await client.getFeedbackReceiver();
    hub.completeMessage('1');
    await hub.untilLogged('disposition');

    expect(second).not.toBe(first);
    expect(hub.state.feedback.counts().waitingBatches).toBe(0);
  });

  test('hears of a detached link, and sends on', async () => {
    const client = hub.sdkClient();
    await client.send('device-1', new common.Message('on'));
    await client.open();
    const disconnected = once(client, 'disconnect');

    hub.head.detachLinks(SENDS, 'amqp:link:detach-forced');
    await disconnected;
    await client.send('device-1', new common.Message('on'));

    expect(enqueued()).toBe(2);
  });
});

describe('a Close of the hub', () => {
  test('says why', async () => {
    const { connection } = await hub.authorizedRawClient();
    const closed = next(connection, 'connection_close');

    hub.head.closeConnections({ condition: 'amqp:connection:forced', description: 'as planned' });
    await closed;

    expect(connection.error).toMatchObject({
      condition: 'amqp:connection:forced',
      description: 'as planned',
    });
  });

  test('leaves the socket to the client, whether it answers or not', async () => {
    const peer = new RawPeer(await hub.openTls());
    peer.sendBegun();
    await peer.received(OPEN);

    hub.head.closeConnections();
    await peer.received(CLOSE);
    peer.send(close);
    // Some round trips later, had the hub ended it, its end would be here.
    for (let count = 0; count < 3; count++) (await hub.authorizedRawClient()).destroy();

    expect(peer.isOpen).toBe(true);
    peer.destroy();
    await hub.untilLogged('disconnected', 4);
  });
});
