import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import rhea from 'rhea';
import type { Message, Sender } from 'rhea';
import { eventsOf } from '../state/builders.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import { next, sendAndSettle, untilSendable, type RawAmqpClient } from './raw-amqp-client.ts';

const BATCH_FORMAT = 0x80013700;

let hub: AmqpHub;
let client: RawAmqpClient;
let deviceId: string;
let devices = 0;
beforeAll(async () => {
  hub = await startAmqpHub();
  client = await hub.authorizedRawClient({ policyName: 'device' });
});
afterAll(async () => {
  client.destroy();
  await hub.stop();
});
beforeEach(() => {
  deviceId = `events-${++devices}`;
  hub.state.registry.create({ deviceId });
});

async function attach(): Promise<Sender> {
  return client.attachSender(`/devices/${deviceId}/messages/events`);
}

/** As the SDKs of other languages send several messages in one. */
async function sendBatch(parts: readonly Buffer[]): Promise<string> {
  const sender = await attach();
  await untilSendable(sender);
  sender.send(
    rhea.message.encode({ body: rhea.message.data_sections([...parts]) }),
    undefined,
    BATCH_FORMAT,
  );
  return Promise.race(
    ['accepted', 'rejected'].map(async (outcome) => {
      await next(sender, outcome);
      return outcome;
    }),
  );
}

function encoded(message: Message): Buffer {
  return rhea.message.encode(message);
}

describe('/devices/{deviceId}/messages/events', () => {
  test('splits a batch into its messages', async () => {
    const parts = [1, 2, 3].map((number) =>
      encoded({
        message_id: `m-${number}`,
        application_properties: { number },
        body: rhea.message.data_section(Buffer.from(`body ${number}`)),
      }),
    );

    expect(await sendBatch(parts)).toBe('accepted');
    expect(eventsOf(hub.state, deviceId)).toMatchObject(
      [1, 2, 3].map((number) => ({
        messageId: `m-${number}`,
        properties: { number: String(number) },
        body: Buffer.from(`body ${number}`),
      })),
    );
  });

  test('takes a batch of one', async () => {
    expect(await sendBatch([encoded({ body: 'alone' })])).toBe('accepted');
    expect(eventsOf(hub.state, deviceId)).toMatchObject([{ body: Buffer.from('alone') }]);
  });

  test.each([
    ['holds no messages', [Buffer.from([1, 2, 3])]],
    ['is too large as a whole', [0, 1].map(() => encoded({ body: 'x'.repeat(140_000) }))],
    ['has one message that is none', [encoded({ body: 'fine' }), Buffer.from('no')]],
  ])('takes nothing of a batch that %s', async (_, parts) => {
    expect(await sendBatch(parts)).toBe('rejected');
    expect(eventsOf(hub.state, deviceId)).toEqual([]);
    expect(hub.events('internal error')).toEqual([]);
  });

  test('keeps the sections that say what the message is', async () => {
    const createdAt = Date.UTC(2026, 0, 2);
    await sendAndSettle(await attach(), {
      user_id: 'us-er',
      creation_time: new Date(createdAt),
      message_annotations: { 'iothub-interface-id': 'dtmi:x;1', 'dt-subject': 'part' },
      body: 'x',
    });

    expect(eventsOf(hub.state, deviceId)).toMatchObject([
      { userId: 'us-er', createdAt, interfaceId: 'dtmi:x;1', componentName: 'part' },
    ]);
  });
});
