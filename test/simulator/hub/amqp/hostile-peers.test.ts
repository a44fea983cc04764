import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { seededRandom } from '../../../../simulator/hub/faults/seeded-random.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import {
  AMQP_HEADER,
  array,
  attach,
  begin,
  close,
  described,
  detach,
  disposition,
  end,
  flow,
  frame,
  list,
  nothing,
  open,
  SASL_HEADER,
  saslInit,
  text,
  transfer,
  uint,
  ushort,
} from './raw-frames.ts';
import { RawPeer } from './raw-peer.ts';

const BEGIN = 0x11;
const ATTACH = 0x12;
const FLOW = 0x13;
const TRANSFER = 0x14;
const DISPOSITION = 0x15;
const DETACH = 0x16;
const CLOSE = 0x18;
const MAX_UINT = 2 ** 32 - 1;
const ACCEPTED = described(0x24, list([]));
const CBS_SENDER = attach({ name: 'requests', handle: 0, isReceiver: false });
const CBS_RECEIVER = attach({ name: 'answers', handle: 1, isReceiver: true });
const EMPTY_REQUEST = described(0x77, nothing);

/** On the link of CBS_SENDER. */
function request(deliveryId: number): Buffer {
  return transfer({ handle: 0, deliveryId }, EMPTY_REQUEST);
}

let hub: AmqpHub;

beforeEach(async () => {
  hub = await startAmqpHub();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await hub.stop();
});

async function peer(): Promise<RawPeer> {
  return new RawPeer(await hub.openTls());
}

/** Nobody else notices. */
async function serves(): Promise<boolean> {
  const client = await hub.authorizedRawClient();
  client.destroy();
  return hub.events('internal error').length === 0;
}

describe('a connection is ended, and the hub serves on, after', () => {
  test.each<[string, Buffer[]]>([
    ['HTTP', [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')]],
    ['another protocol', [Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')]],
    ['a protocol id that there is not', [Buffer.from('AMQP\x07\x01\x00\x00', 'latin1')]],
    ['two headers', [AMQP_HEADER, AMQP_HEADER]],
    ['a header among frames', [AMQP_HEADER, open(), AMQP_HEADER, begin()]],
    ['a frame of four thousand million bytes', [AMQP_HEADER, frame(nothing, { size: MAX_UINT })]],
    ['a frame of 70,000 bytes', [AMQP_HEADER, frame(Buffer.alloc(70_000))]],
    ['a frame of no bytes', [AMQP_HEADER, frame(nothing, { size: 0 })]],
    ['a SASL frame where none belongs', [AMQP_HEADER, saslInit('ANONYMOUS')]],
    ['an AMQP frame where SASL belongs', [SASL_HEADER, open()]],
    ['a frame of an unknown type', [AMQP_HEADER, frame(nothing, { type: 9 })]],
    ['a frame that is no performative', [AMQP_HEADER, frame(text('hello'))]],
    ['an unknown performative', [AMQP_HEADER, frame(described(0x77, list([])))]],
    ['two Opens', [AMQP_HEADER, open(), open()]],
    ['a Begin before the Open', [AMQP_HEADER, begin()]],
    [
      'a list of four thousand million items',
      [AMQP_HEADER, frame(described(0x10, list([], MAX_UINT)))],
    ],
    [
      'an array of four thousand million nulls',
      [AMQP_HEADER, frame(described(0x10, list([array(MAX_UINT, 0x40)])))],
    ],
    ['descriptors in descriptors, thousands deep', [AMQP_HEADER, frame(Buffer.alloc(60_000))]],
    [
      'lists in lists, thousands deep',
      [AMQP_HEADER, frame(Buffer.concat(Array.from({ length: 6_000 }, () => list([], 60_000))))],
    ],
    ['a max-frame-size of ten', [AMQP_HEADER, open({ maxFrameSize: uint(10) })]],
    ['a max-frame-size that is text', [AMQP_HEADER, open({ maxFrameSize: text('1e9') })]],
    ['an idle time-out of one millisecond', [AMQP_HEADER, open({ idleTimeOut: uint(1) })]],
  ])('%s', async (_, parts) => {
    const hostile = await peer();

    hostile.send(...parts);

    await hostile.closed();
    expect(await serves()).toBe(true);
  });

  test.each<[string, Buffer[]]>([
    ['a second Begin on a channel', [begin()]],
    ['a Begin that answers none', [begin(1, ushort(0))]],
    ['a channel beyond the limit', [begin(9_000)]],
    ['a frame on a channel without a session', [end(5)]],
    [
      'an Attach on a handle in use',
      [CBS_SENDER, attach({ name: 'x', handle: 0, isReceiver: false })],
    ],
    [
      'an Attach of a name in use',
      [CBS_SENDER, attach({ name: 'requests', handle: 5, isReceiver: false })],
    ],
    ['a handle beyond the limit', [attach({ name: 'x', handle: 1_000_000, isReceiver: true })]],
    ['an Attach without fields', [frame(described(0x12, list([])))]],
    ['a Flow without fields', [frame(described(0x13, list([])))]],
    ['a Flow for a link that there is not', [flow({ handle: 7, credit: 1 })]],
    [
      'a Flow whose credit is text',
      [
        CBS_RECEIVER,
        frame(
          described(0x13, list([uint(0), uint(1), uint(0), uint(1), uint(1), uint(0), text('x')])),
        ),
      ],
    ],
    [
      'a Transfer for a link that there is not',
      [transfer({ handle: 7, deliveryId: 0 }, EMPTY_REQUEST)],
    ],
    [
      'a Transfer on a link on which the hub sends',
      [CBS_RECEIVER, transfer({ handle: 1, deliveryId: 0 }, EMPTY_REQUEST)],
    ],
    [
      'a Disposition of four thousand million deliveries',
      [disposition(uint(0), uint(MAX_UINT), ACCEPTED)],
    ],
    ['a Disposition of a delivery that is text', [disposition(text('0'), nothing, ACCEPTED)]],
    [
      'a Disposition in a state that there is not',
      [disposition(uint(0), nothing, described(0x34, list([])))],
    ],
    ['a Detach of a link that there is not', [detach(3)]],
    ['a Detach without fields', [frame(described(0x16, list([])))]],
    ['two Ends', [end(), end()]],
  ])('%s', async (_, parts) => {
    const hostile = await peer();

    hostile.sendBegun(...parts);

    await hostile.closed();
    expect(hostile.performatives()).toContain(CLOSE);
    expect(await serves()).toBe(true);
  });

  test.each<[string, string, Buffer[]]>([
    [
      'without a delivery id',
      'delivery-id must be a uint',
      [transfer({ handle: 0 }, EMPTY_REQUEST)],
    ],
    [
      'out of order',
      'frame sequence error',
      [request(0), transfer({ handle: 0, deliveryId: 9 }, EMPTY_REQUEST)],
    ],
    [
      'that cannot be decoded',
      'not made of sections',
      [transfer({ handle: 0, deliveryId: 0 }, Buffer.from([0x00, 0x53]))],
    ],
    [
      'that lacks all but its handle',
      'delivery-id must be a uint',
      [request(0), frame(described(0x14, list([uint(0)])))],
    ],
    [
      'that is aborted',
      'Transfers cannot be aborted',
      [transfer({ handle: 0, deliveryId: 0, aborted: true }, EMPTY_REQUEST)],
    ],
    [
      'of another delivery than the one begun',
      'frame sequence error',
      [
        transfer({ handle: 0, deliveryId: 0, more: true }, EMPTY_REQUEST),
        transfer({ handle: 0, deliveryId: 1 }, EMPTY_REQUEST),
      ],
    ],
  ])('a Transfer %s: %s', async (_, reason, parts) => {
    const hostile = await peer();
    hostile.sendBegun(CBS_SENDER);
    await hostile.received(FLOW);

    hostile.send(...parts);

    await hostile.closed();
    expect(hostile.has(reason)).toBe(true);
    expect(await serves()).toBe(true);
  });

  test.each([
    ['bare values, such as a token', text('SharedAccessSignature sr=localhost')],
    ['an unknown section', described(0x79, nothing)],
    ['a section of an unknown name', Buffer.concat([Buffer.from([0]), text('x'), nothing])],
    ['a section that is cut off', Buffer.from([0x00, 0x53, 0x75, 0xa0, 9, 1])],
  ])('a message of %s, and prints nothing of it', async (_, message) => {
    const warn = jest.spyOn(console, 'warn');
    const hostile = await peer();
    hostile.sendBegun(CBS_SENDER);
    await hostile.received(FLOW);

    hostile.send(
      transfer({ handle: 0, deliveryId: 0, more: true }, message.subarray(0, 3)),
      transfer({ handle: 0, deliveryId: 0 }, message.subarray(3)),
    );

    await hostile.closed();
    expect(hostile.has('amqp:decode-error')).toBe(true);
    expect(warn).not.toHaveBeenCalled();
  });

  test('a breach amid other work, and its Close is its last word', async () => {
    const hostile = await peer();
    hostile.sendBegun(CBS_SENDER);
    await hostile.received(FLOW);

    hostile.send(request(0), detach(0), begin());

    await hostile.closed();
    expect(hostile.performatives().at(-1)).toBe(CLOSE);
  });

  test('transfers without credit, and says so', async () => {
    const hostile = await peer();
    hostile.sendBegun(
      attach({ name: 'x', handle: 0, isReceiver: false, address: '/messages/devicebound' }),
    );

    hostile.send(transfer({ handle: 0, deliveryId: 0 }, EMPTY_REQUEST));

    await hostile.closed();
    expect(hostile.has('amqp:link:transfer-limit-exceeded')).toBe(true);
  });

  test('two thousand links in one session', async () => {
    const hostile = await peer();
    const attaches = Array.from({ length: 2_000 }, (_, handle) =>
      attach({ name: `link-${handle}`, handle, isReceiver: true }),
    );

    hostile.sendBegun(...attaches);

    await hostile.closed();
    expect(await serves()).toBe(true);
  });

  test('bytes that never come to a frame, when the time is up', async () => {
    const hostile = await peer();
    hostile.send(AMQP_HEADER, frame(nothing, { size: 60_000 }).subarray(0, 9));
    await hub.untilLogged('connect');

    hub.wallClock.advance(60_000);

    await hostile.closed();
    expect(await serves()).toBe(true);
  });

  // hostile-peers.long.test.ts mutates frames.
  test('junk after a session was begun', async () => {
    const random = seededRandom(1);
    const peers = await Promise.all(Array.from({ length: 10 }, peer));

    for (const each of peers)
      each.sendBegun(Buffer.from(Array.from({ length: 300 }, () => random() * 256)));

    await Promise.all(peers.map(async (each) => each.closed()));
    expect(await serves()).toBe(true);
  });

  test('no bytes at all, not even of TLS', async () => {
    const socket = await hub.openTcp();

    expect(await serves()).toBe(true);
    socket.destroy();
  });

  test('an answer to the Close of the hub that is anything but one', async () => {
    const hostile = await peer();
    hostile.sendBegun();
    await hostile.received(BEGIN);
    hub.wallClock.advance(60_000);
    await hostile.received(CLOSE);

    hostile.send(CBS_SENDER, begin(1), detach(4));
    hostile.send(close);

    await hostile.closed();
    expect(hostile.performatives()).not.toContain(ATTACH);
  });
});

describe('the hub understands', () => {
  test('frames that come byte by byte', async () => {
    const slow = await peer();
    for (const byte of Buffer.concat([AMQP_HEADER, open(), begin(), CBS_SENDER]))
      slow.send(Buffer.from([byte]));

    await slow.received(ATTACH);
    expect(slow.isOpen).toBe(true);
    slow.destroy();
  });

  test('all that needs no answer in one packet, SASL included', async () => {
    const eager = await peer();
    eager.send(
      SASL_HEADER,
      saslInit('ANONYMOUS'),
      AMQP_HEADER,
      open(),
      begin(),
      CBS_SENDER,
      CBS_RECEIVER,
      flow({ handle: 1, credit: 5, nextIncomingId: nothing, deliveryCount: nothing }),
    );
    await eager.received(FLOW);
    eager.send(request(0));

    await eager.received(TRANSFER);
    expect(eager.isOpen).toBe(true);
    eager.destroy();
  });

  test('the SASL mechanism of the C and Python SDKs', async () => {
    const client = await peer();
    client.send(SASL_HEADER, saslInit('MSSBCBS'));
    client.send(AMQP_HEADER, open(), begin());

    await client.received(BEGIN);
    expect(client.isOpen).toBe(true);
    client.destroy();
  });

  test('a SASL mechanism that it does not have, and refuses', async () => {
    const client = await peer();
    client.send(SASL_HEADER, saslInit('toString'), AMQP_HEADER, open());

    await client.closed();
    expect(await serves()).toBe(true);
  });

  test('two links of the same name in opposite directions', async () => {
    const client = await peer();
    client.sendBegun(
      attach({ name: 'cbs', handle: 0, isReceiver: false }),
      attach({ name: 'cbs', handle: 1, isReceiver: true }),
      flow({ handle: 1, credit: 5 }),
    );
    await client.received(FLOW);
    client.send(request(0));

    await client.received(TRANSFER);
    expect(client.performatives()).toContain(DISPOSITION);
    client.destroy();
  });

  test('a role in two bytes, as the Python client for Event Hubs has it', async () => {
    const client = await peer();
    client.sendBegun(
      attach({ name: 'a', handle: 0, isReceiver: false, role: Buffer.from([0x56, 0]) }),
      attach({ name: 'b', handle: 1, isReceiver: true, role: Buffer.from([0x56, 1]) }),
      flow({ handle: 1, credit: 5 }),
    );
    await client.received(FLOW);
    client.send(request(0));

    await client.received(TRANSFER);
    expect(client.performatives()).toContain(DISPOSITION);
    client.destroy();
  });

  test('a link that attaches with handle and name of one that it detaches in the same breath', async () => {
    const client = await peer();
    client.sendBegun(CBS_SENDER, detach(0), CBS_SENDER, detach(0), CBS_SENDER);
    await client.received(ATTACH, 3);
    await client.received(DETACH, 2);
    client.send(request(0));

    await client.received(DISPOSITION);
    expect(client.isOpen).toBe(true);
    client.destroy();
  });

  test('a channel that is begun anew in the same breath', async () => {
    const client = await peer();
    client.sendBegun(CBS_SENDER, end(), begin(), CBS_SENDER);

    await client.received(ATTACH, 2);
    expect(client.isOpen).toBe(true);
    client.destroy();
  });

  test('a message in many small frames', async () => {
    const client = await peer();
    const body = described(0x77, text('x'.repeat(1_000)));
    const parts = Array.from({ length: 10 }, (_, place) =>
      transfer(
        { handle: 0, deliveryId: 0, more: place < 9 },
        body.subarray(place * 102, (place + 1) * 102),
      ),
    );
    client.sendBegun(CBS_SENDER);
    await client.received(FLOW);

    client.send(...parts);

    await client.received(DISPOSITION);
    expect(client.isOpen).toBe(true);
    client.destroy();
  });

  test.each([
    ['its session', flow({ echo: true })],
    ['a link', flow({ handle: 1, credit: 3, echo: true })],
  ])('a request to say how %s stands', async (_, asking) => {
    const client = await peer();
    client.sendBegun(CBS_RECEIVER, asking);

    await client.received(FLOW);
    expect(client.isOpen).toBe(true);
    client.destroy();
  });

  test('a settlement without a state, and one of what it never sent', async () => {
    const client = await peer();
    client.sendBegun(
      disposition(uint(5), uint(6), nothing),
      disposition(uint(0), nothing, ACCEPTED),
    );
    client.send(CBS_SENDER);

    await client.received(ATTACH);
    expect(client.isOpen).toBe(true);
    client.destroy();
  });

  test('a settlement of what waits for room in the session, and sends it once there is some', async () => {
    const client = await peer();
    const error = jest.spyOn(console, 'error');
    const noRoom = frame(described(BEGIN, list([nothing, uint(0), uint(0), uint(2048)])));
    client.send(AMQP_HEADER, open(), noRoom, CBS_SENDER, CBS_RECEIVER);
    await client.received(FLOW);
    const credit = list([uint(0), uint(0), uint(0), uint(2048), uint(1), uint(0), uint(5)]);
    client.send(frame(described(FLOW, credit)), request(0));
    await client.received(DISPOSITION);

    client.send(disposition(uint(0), nothing, ACCEPTED));
    client.send(attach({ name: 'x', handle: 2, isReceiver: true }));
    await client.received(ATTACH, 3);
    client.send(flow({ echo: true }));

    await client.received(TRANSFER);
    expect(error).not.toHaveBeenCalled();
    client.destroy();
  });

  test('that a transaction coordinator is asked for, and refuses it', async () => {
    const client = await peer();
    const terminus = described(0x30, list([]));
    const warn = jest.spyOn(console, 'warn');
    client.sendBegun(attach({ name: 'x', handle: 0, isReceiver: false, terminus }));

    await client.received(DETACH);
    expect(client.isOpen).toBe(true);
    expect(warn).not.toHaveBeenCalled();
    client.destroy();
  });

  test('a client that counts its deliveries from another number than 0', async () => {
    const client = await peer();
    client.sendBegun(attach({ name: 'x', handle: 0, isReceiver: false, initialDeliveryCount: 7 }));

    await client.received(FLOW);
    // handle 0, delivery-count 7, link-credit 1000
    expect(client.has(Buffer.from([0x43, 0x52, 7, 0x70, 0, 0, 0x03, 0xe8]))).toBe(true);
    client.destroy();
  });

  test('an idle time-out of 49 days', async () => {
    const client = await peer();
    client.send(AMQP_HEADER, open({ idleTimeOut: uint(MAX_UINT) }), begin());

    await client.received(BEGIN);
    expect(await serves()).toBe(true);
    // Heartbeats are frames without a performative.
    expect(client.performatives()).toHaveLength(2);
    client.destroy();
  });
});
