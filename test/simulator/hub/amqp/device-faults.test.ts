import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventContext } from 'rhea';
import { until } from '../../../support/until.ts';
import { aMessage, eventsOf, MINUTE, rejectedKind, SECOND } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { next, sendAndSettle, untilSendable, type RawAmqpClient } from './raw-amqp-client.ts';

const EVENTS = '/devices/device-1/messages/events';
const MESSAGES = '/devices/device-1/messages/devicebound';
const METHODS = '/devices/device-1/methods/devicebound';
const SENDS = '/messages/devicebound';
const MESSAGE = { to: MESSAGES, body: 'on' };

let hub: AmqpHub;
let device: RawAmqpClient;
beforeEach(async () => {
  hub = await startAmqpHub();
  device = await hub.authorizedRawClient({ policyName: 'iothubowner' });
});
afterEach(() => hub.stop());

describe('a fault planned for device-event, over AMQP', () => {
  test('"error" rejects the event with the condition', async () => {
    const sender = await device.attachSender(EVENTS);
    hub.faults.add('device-event', { kind: 'error', condition: 'com.microsoft:timeout' });

    expect(await sendAndSettle(sender, { body: 'on' })).toMatchObject({
      outcome: 'rejected',
      error: { condition: 'com.microsoft:timeout' },
    });
    expect(eventsOf(hub.state)).toEqual([]);
  });

  test('"accept-then-no-answer" takes it and says nothing, and the link lives on', async () => {
    const sender = await device.attachSender(EVENTS);
    await untilSendable(sender);
    hub.faults.add('device-event', { kind: 'accept-then-no-answer' });
    sender.send({ body: 'first' });

    expect(await sendAndSettle(sender, { body: 'second' })).toMatchObject({ outcome: 'accepted' });
    expect(eventsOf(hub.state)).toHaveLength(2);
  });

  test('"close-connection" sends a Close frame with the condition', async () => {
    const sender = await device.attachSender(EVENTS);
    await untilSendable(sender);
    const condition = 'amqp:connection:forced';
    hub.faults.add('device-event', { kind: 'close-connection', condition });

    sender.send({ body: 'on' });
    const { connection } = await next(device.connection, 'connection_close');

    expect(connection.error).toMatchObject({ condition });
  });
});

describe('a fault planned for sends, over AMQP', () => {
  test('"accept-then-drop-connection" queues the message and cuts the connection', async () => {
    const sender = await device.attachSender(SENDS);
    await untilSendable(sender);
    const timing = { deviceId: 'device-1', times: 1 };
    hub.faults.add('amqp-send', { kind: 'accept-then-drop-connection' }, timing);

    sender.send(MESSAGE);
    await next(device.connection, 'disconnected');

    expect(hub.state.cloudToDevice.count('device-1')).toBe(1);
  });

  test('"detach-link" detaches the link, and the connection lives on', async () => {
    const sender = await device.attachSender(SENDS);
    await untilSendable(sender);
    hub.faults.add('amqp-send', { kind: 'detach-link' });

    sender.send(MESSAGE);
    await next(sender, 'sender_close');

    expect(sender.error).toMatchObject({ condition: 'amqp:link:detach-forced' });
    const again = await device.attachSender(SENDS);
    expect(await sendAndSettle(again, MESSAGE)).toMatchObject({ outcome: 'accepted' });
  });

  test('for another device does not hit the message', async () => {
    const sender = await device.attachSender(SENDS);
    hub.faults.add('amqp-send', { kind: 'error' }, { deviceId: 'device-2', times: 1 });

    expect(await sendAndSettle(sender, MESSAGE)).toMatchObject({ outcome: 'accepted' });
  });
});

describe('a fault planned for an attach', () => {
  test('"detach-link" detaches the link once it is attached', async () => {
    const timing = { deviceId: 'device-1', times: 1 };
    hub.faults.add('amqp-attach', { kind: 'detach-link' }, timing);
    await device.attachSender(SENDS);

    const { error } = await device.refusal('sender', EVENTS);

    expect(error.condition).toBe('amqp:link:detach-forced');
  });
});

describe('a fault on the way of a message to a device, over AMQP', () => {
  async function receiver(): Promise<{ received: EventContext[] }> {
    const link = await device.attachReceiver(MESSAGES);
    const received: EventContext[] = [];
    link.on('message', (context: EventContext) => received.push(context));
    link.add_credit(10);
    return { received };
  }
  const history = (): string[] => hub.history.map(({ type }) => type);

  test('"no-answer" at device-message loses it until its lock runs out', async () => {
    const { received } = await receiver();
    hub.faults.add('device-message', { kind: 'no-answer' });
    hub.state.cloudToDevice.enqueue('device-1', aMessage());
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'second' }));
    await until('a message', () => received.length > 0);
    expect(received.map(({ message }) => message?.message_id)).toEqual(['second']);

    hub.clock.advance(MINUTE);
    await until('both messages', () => received.length === 3);

    expect(history().filter((type) => type === 'lockExpired')).toHaveLength(2);
  });

  test('"no-answer" at device-settlement loses what the device said', async () => {
    const { received } = await receiver();
    hub.faults.add('device-settlement', { kind: 'no-answer' });
    hub.state.cloudToDevice.enqueue('device-1', aMessage());
    await until('a message', () => received.length === 1);
    received[0]?.delivery?.accept();
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'second' }));
    await until('the other message', () => received.length === 2);
    received[1]?.delivery?.accept();
    await hub.untilLogged('disposition');

    expect(hub.state.cloudToDevice.count('device-1')).toBe(1);
  });
});

describe('a fault planned for methods, over AMQP', () => {
  test('"no-answer" at method-request, and at method-answer, end in a timeout', async () => {
    const receiver = await device.attachReceiver(METHODS);
    const answers = await device.attachSender(METHODS);
    receiver.add_credit(10);
    await untilSendable(answers);
    receiver.on('message', ({ message }: EventContext) => {
      answers.send({
        correlation_id: message?.correlation_id ?? '',
        application_properties: { 'IoThub-status': 200 },
        body: '1',
      });
    });
    hub.faults.add('method-request', { kind: 'no-answer' });
    hub.faults.add('method-answer', { kind: 'no-answer' });
    const call = async () =>
      hub.state.methods.invoke({
        deviceId: 'device-1',
        methodName: 'reboot',
        payload: Buffer.from('null'),
        responseTimeoutMs: 5 * SECOND,
        connectTimeoutMs: 5 * SECOND,
      });

    const answered = next(answers, 'accepted');
    const calls = [rejectedKind(call()), rejectedKind(call())];
    await answered;
    hub.clock.advance(5 * SECOND);

    expect(await Promise.all(calls)).toEqual(['gatewayTimeout', 'gatewayTimeout']);
  });
});
