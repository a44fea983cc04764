import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import rhea from 'rhea';
import type { EventContext, Receiver, ReceiverOptions } from 'rhea';
import { until } from '../../../../support/until.ts';
import { startAmqpHub, type AmqpHub } from '../amqp-hub.ts';
import { next, type RawAmqpClient } from '../raw-amqp-client.ts';

/** Not by the SDK: what it starts for a receiver that is refused keeps its process alive for 45 minutes. */
let hub: AmqpHub;
let client: RawAmqpClient;
const receivers: Receiver[] = [];
const PARTITION = 'iothub-ehub-localhost/ConsumerGroups/$Default/Partitions/0';

beforeAll(async () => {
  hub = await startAmqpHub({ events: { partitionCount: 1 } });
  client = await hub.authorizedRawClient();
});
afterEach(async () => {
  for (const receiver of receivers.splice(0)) receiver.close();
  await until('no readers', () => hub.state.events.readers.list().length === 0);
});
afterAll(async () => {
  await hub.stop();
});

function attach(options: Partial<ReceiverOptions> & { epoch?: number } = {}): Receiver {
  const { epoch, ...others } = options;
  const receiver = client.connection.open_receiver({
    source: { address: PARTITION },
    credit_window: 0,
    ...(epoch !== undefined && {
      properties: { 'com.microsoft:epoch': rhea.types.wrap_long(epoch) },
    }),
    ...others,
  });
  receivers.push(receiver);
  return receiver;
}

/** Once the hub reads for it. */
async function attached(options: Parameters<typeof attach>[0] = {}): Promise<Receiver> {
  const count = hub.state.events.readers.list().length;
  const receiver = attach(options);
  await until('another reader', () => hub.state.events.readers.list().length > count);
  return receiver;
}

async function refusal(receiver: Receiver): Promise<{ condition: string; description: string }> {
  await next(receiver, 'receiver_close');
  const { condition = '', description = '' } = Object(receiver.error);
  return { condition, description };
}

function levels(): unknown[] {
  return hub.state.events.readers.list().map(({ ownerLevel }) => ownerLevel);
}

function selector(expression: string): Partial<ReceiverOptions> {
  const value = rhea.types.wrap_described(expression, 0x468c00000004);
  return {
    source: { address: PARTITION, filter: { 'apache.org:selector-filter:string': value } },
  };
}

describe('{event hub}/ConsumerGroups/{group}/Partitions/{partition}', () => {
  test('is taken over by an owner of the same or a higher level, from all others', async () => {
    const shared = await attached();
    const stolen: Promise<{ condition: string }>[] = [refusal(shared)];
    for (const epoch of [0, 0, 7]) {
      const owner = attach({ epoch });
      await stolen.at(-1);
      stolen.push(refusal(owner));
    }

    const told = await Promise.all(stolen.slice(0, 3));

    expect(told.map(({ condition }) => condition)).toEqual(
      Array.from({ length: 3 }, () => 'amqp:link:stolen'),
    );
    expect(levels()).toEqual([7]);
  });

  test.each([
    ['an owner of a lower level', { epoch: 2 }],
    ['one who does not want to own it', {}],
  ])('is refused to %s while it has an owner', async (_, options) => {
    await attached({ epoch: 3 });

    const { condition } = await refusal(attach(options));

    expect(condition).toBe('amqp:link:stolen');
    expect(levels()).toEqual([3]);
  });

  test('is shared by five at most', async () => {
    for (let count = 0; count < 5; count++) await attached();

    expect((await refusal(attach())).condition).toBe('amqp:resource-limit-exceeded');
    receivers[0]?.close();
    await until('four readers', () => levels().length === 4);
    await attached();
  });

  test.each([
    ['iothub-ehub-localhost/ConsumerGroups/nobody/Partitions/0', 'amqp:not-found'],
    ['other/ConsumerGroups/$Default/Partitions/0', 'amqp:not-found'],
    [PARTITION.replace(/0$/, '9'), 'com.microsoft:argument-error'],
  ])('is not there as %s', async (address, condition) => {
    expect((await refusal(attach({ source: { address } }))).condition).toBe(condition);
  });

  test.each([
    "amqp.annotation.x-opt-sequence-number > '4000'",
    "amqp.annotation.x-opt-offset > '4000'",
    "amqp.annotation.colour > 'red'",
    'anything',
    '',
  ])('refuses the filter %j', async (expression) => {
    expect((await refusal(attach(selector(expression)))).condition).toBe(
      'com.microsoft:argument-error',
    );
  });

  test.each([
    "amqp.annotation.x-opt-sequence-number >= '0'",
    'amqp.annotation.x-opt-offset > -1',
    "amqp.annotation.x-opt-enqueuedtimeutc > '0'",
  ])('takes the filter %j, which SDKs of other languages write', async (expression) => {
    await attached(selector(expression));

    expect(levels()).toHaveLength(1);
  });

  test('sends settled what is asked for settled, and no more than credit allows', async () => {
    const numbers: unknown[] = [];
    const receiver = await attached({
      snd_settle_mode: 1,
      ...selector("amqp.annotation.x-opt-offset > '@latest'"),
    });
    receiver.on('message', ({ message, delivery }: EventContext) =>
      numbers.push([message?.body.content.toString(), delivery?.remote_settled]),
    );
    for (const text of ['a', 'b', 'c'])
      hub.state.events.append(
        { entityId: 'device-1' },
        { body: Buffer.from(text), properties: {} },
      );
    receiver.add_credit(2);

    await until('two events', () => numbers.length === 2);
    receiver.drain_credit();
    receiver.add_credit(1);
    await until('the third', () => numbers.length === 3);

    expect(receiver.snd_settle_mode).toBe(1);
    expect(numbers).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
    ]);
  });

  test.each(['device', 'registryReadWrite'])(
    'is closed to the policy %s, which lacks ServiceConnect',
    async (policyName) => {
      const stranger = await hub.authorizedRawClient({ policyName });

      for (const address of [PARTITION, '$management', 'messages/events'])
        expect((await stranger.refusal('receiver', address)).error.condition).toBe(
          'amqp:unauthorized-access',
        );
    },
  );

  test('is open to a token for this partition, which opens no other', async () => {
    const narrow = await hub.authorizedRawClient({ resource: `sb://localhost/${PARTITION}` });
    const receiver = await narrow.attachReceiver(PARTITION);
    await until('a reader', () => levels().length === 1);

    const { error } = await narrow.refusal('receiver', PARTITION.replace('$Default', 'other'));

    receiver.close();
    expect(error.condition).toBe('amqp:unauthorized-access');
  });
});
