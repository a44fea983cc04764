import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import rhea from 'rhea';
import type { EventContext, Message, Receiver, Sender } from 'rhea';
import { until } from '../../../support/until.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { sendAndSettle, untilSendable, type RawAmqpClient } from './raw-amqp-client.ts';

/** What the device SDK never does. */
describe('/devices/{deviceId}/twin', () => {
  const ADDRESS = '/devices/device-1/twin';
  const DESIRED = '/notifications/twin/properties/desired';
  let hub: AmqpHub;
  const opened: RawAmqpClient[] = [];

  beforeAll(async () => {
    hub = await startAmqpHub();
  });
  afterEach(() => {
    for (const client of opened.splice(0)) client.destroy();
  });
  afterAll(async () => {
    await hub.stop();
  });

  interface Links {
    readonly requests: Sender;
    readonly answers: Receiver;
    readonly received: Message[];
    readonly ask: (
      operation: string,
      resource?: string,
      body?: string,
      id?: Message['correlation_id'],
    ) => void;
  }

  async function attach(channel: string, credit = 100): Promise<Links> {
    const client = await hub.authorizedRawClient({ policyName: 'device' });
    opened.push(client);
    const properties = { 'com.microsoft:channel-correlation-id': `twin:${channel}` };
    const requests = await client.attachSender(ADDRESS, { properties });
    const answers = await client.attachReceiver(ADDRESS, { properties, snd_settle_mode: 1 });
    const received: Message[] = [];
    answers.on('message', ({ message }: EventContext) => {
      if (message) received.push(message);
    });
    if (credit > 0) answers.add_credit(credit);
    await untilSendable(requests);
    return {
      requests,
      answers,
      received,
      ask(operation, resource, body = ' ', id = 'request-1') {
        requests.send({
          correlation_id: id,
          message_annotations: { operation, ...(resource !== undefined && { resource }) },
          body: rhea.message.data_section(Buffer.from(body)),
        });
      },
    };
  }

  const textOf = ({ body }: Message): string => String(body.content);

  test('answers with the correlation id as it came, the status as an int and the new version', async () => {
    const { ask, received } = await attach('a');
    const id = rhea.generate_uuid();
    ask('GET', undefined, ' ', rhea.string_to_uuid(id));
    ask('PATCH', '/properties/reported', '{"a":1}');
    await until('two answers', () => received.length === 2);

    const [read, reported] = received;
    expect(read?.correlation_id).toEqual(rhea.string_to_uuid(id));
    expect(read?.message_annotations).toEqual({ status: 200 });
    expect(JSON.parse(textOf(read as Message))).toMatchObject({ desired: { $version: 1 } });
    expect(reported).toMatchObject({
      correlation_id: 'request-1',
      message_annotations: { status: 204, version: 2 },
    });
    expect(textOf(reported as Message)).toBe('');
  });

  test.each([
    ['PATCH', '/properties/reported', '[]'],
    ['PATCH', '/properties/reported', '{"a":"\u0000'],
    ['PATCH', '/properties/desired', '{}'],
    ['PUT', '/properties/reported', '{}'],
    ['POST', undefined, '{}'],
    ['get', undefined, ' '],
  ])('answers %s of %s with %j by 400 and stays attached', async (operation, resource, body) => {
    const { ask, received, requests } = await attach('b');
    ask(operation, resource, body);
    const answer = await until('an answer', () => received[0]);

    expect(answer.message_annotations).toEqual({ status: 400 });
    expect(JSON.parse(textOf(answer))).toMatchObject({ errorCode: 400004 });
    expect(requests.is_open()).toBe(true);
  });

  test('rejects a request that nobody could match an answer to', async () => {
    const { requests } = await attach('c');

    const settled = await sendAndSettle(requests, { body: 'x' });

    expect(settled).toMatchObject({
      outcome: 'rejected',
      error: { condition: 'com.microsoft:argument-error' },
    });
  });

  test('tells of desired properties between PUT and DELETE, once each, without a correlation id', async () => {
    const { ask, received } = await attach('d');
    const desire = (value: number) => hub.state.twins.patch('device-1', { desired: { d: value } });
    desire(0);
    ask('PUT', DESIRED);
    ask('PUT', DESIRED);
    await until('two answers', () => received.length === 2);
    const { version } = desire(1).desired;
    await until('a notice', () => received.length === 3);
    ask('DELETE', DESIRED);
    await until('the last answer', () => received.length === 4);
    desire(2);
    ask('GET');
    await until('a further answer', () => received.length === 5);

    const notice = received[2] as Message;
    expect(notice.correlation_id).toBeUndefined();
    expect(notice.message_annotations).toMatchObject({ resource: '/properties/desired', version });
    expect(JSON.parse(textOf(notice))).toEqual({ d: 1, $version: version });
    expect(received[4]?.correlation_id).toBe('request-1');
  });

  test('stops telling when the device detaches, and a new pair begins afresh', async () => {
    const first = await attach('e');
    first.ask('PUT', DESIRED);
    await until('the answer', () => first.received.length === 1);
    first.answers.close();
    await until('the detach', () => hub.events('detach').length > 0);
    const second = await attach('e');
    hub.state.twins.patch('device-1', { desired: { e: 1 } });
    second.ask('GET');
    const answer = await until('the answer', () => second.received[0]);

    expect(answer.correlation_id).toBe('request-1');
  });

  test('keeps what it has to say until there is credit, and the newest of very much', async () => {
    const { ask, answers, received } = await attach('f', 0);
    for (let count = 0; count < 300; count++) ask('GET', undefined, ' ', `request-${count}`);
    await until('300 requests', () => hub.events('twin request').length >= 300);
    answers.add_credit(1000);
    await until('256 answers', () => received.length === 256);

    expect(received[0]?.correlation_id).toBe('request-44');
    expect(received.at(-1)?.correlation_id).toBe('request-299');
  });

  test('is for the device alone', async () => {
    hub.state.registry.create({ deviceId: 'device-2' });
    const client = await hub.authorizedRawClient({
      policyName: '',
      resource: 'localhost/devices/device-2',
      key: hub.state.registry.get('device-2').primaryKey,
    });
    opened.push(client);

    const refusals = [
      await client.refusal('sender', ADDRESS),
      await client.refusal('receiver', ADDRESS),
    ];

    for (const { error } of refusals)
      expect(error).toMatchObject({ condition: 'amqp:unauthorized-access' });
  });
});
