import rhea from 'rhea';
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
} from '../amqp/raw-frames.ts';
import { isHeader } from './amqp-frames.ts';
import { changeOne, inserted, MUTATIONS_OF_ANY_PROTOCOL, type Mutation } from './conversation.ts';
import type { Random } from './random.ts';

const TYPECODES = [
  0x00, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x52, 0x53, 0x54, 0x55, 0x56, 0x60, 0x70, 0x71,
  0x72, 0x80, 0x81, 0x82, 0x83, 0x98, 0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0, 0xd1,
  0xe0, 0xf0,
];
const ADDRESSES = [
  '$cbs',
  '$management',
  '/messages/devicebound',
  '/messages/serviceBound/feedback',
  '/messages/servicebound/filenotifications',
  '/devices/fuzzed/messages/devicebound',
  '/devices/fuzzed/messages/events',
  '/devices/fuzzed/methods/devicebound',
  '/devices/fuzzed/twin',
  '/devices/fuzzed/modules/camera/twin',
  '/devices/%00/messages/events',
  'messages/events/ConsumerGroups/$Default/Partitions/0',
  `/${'x'.repeat(5_000)}`,
];
const ACCEPTED = described(0x24, list([]));
const RELEASED = described(0x26, list([]));
const GIANT_FRAME_BYTES = 60_000;

export const AMQP_MUTATIONS: readonly Mutation[] = [
  ...MUTATIONS_OF_ANY_PROTOCOL,
  (random, frames) => changeOne(random, frames, (part) => flippedBody(random, part)),
  (random, frames) => changeOne(random, frames, (part) => withTypecode(random, part)),
  (random, frames) => changeOne(random, frames, (part) => resized(random.spliced(part))),
  (random, frames) => changeOne(random, frames, (part) => withSize(random, part)),
  (random, frames) => changeOne(random, frames, (part) => onChannel(random, part)),
  (random, frames) => changeOne(random, frames, (part) => withCode(random, part)),
  (random, frames) => inserted(random, frames, handmade(random)),
  (random, frames) => inserted(random, frames, cbsRequest(random)),
];

/** The size is right: the decoder has to deal with the rest. */
function resized(part: Buffer): Buffer {
  if (isHeader(part) || part.length < 8) return part;
  const copy = Buffer.from(part);
  copy.writeUInt32BE(copy.length, 0);
  return copy;
}

function flippedBody(random: Random, part: Buffer): Buffer {
  return Buffer.concat([part.subarray(0, 8), random.flipped(part.subarray(8))]);
}

function withTypecode(random: Random, part: Buffer): Buffer {
  const copy = Buffer.from(part);
  const places = [...copy.keys()].filter((at) => at >= 8 && TYPECODES.includes(copy[at] ?? 0));
  if (places.length > 0) copy[random.pick(places)] = random.pick(TYPECODES);
  return copy;
}

function withSize(random: Random, part: Buffer): Buffer {
  if (part.length < 4) return part;
  const copy = Buffer.from(part);
  copy.writeUInt32BE(
    random.pick([0, 1, 7, 8, 9, part.length - 1, part.length + 1, 65_536, 65_537, 2 ** 32 - 1]) >>>
      0,
    0,
  );
  return copy;
}

function onChannel(random: Random, part: Buffer): Buffer {
  if (isHeader(part) || part.length < 8) return part;
  const copy = Buffer.from(part);
  copy.writeUInt16BE(random.pick([0, 1, 2, 8_191, 8_192, 65_535]), 6);
  return copy;
}

function withCode(random: Random, part: Buffer): Buffer {
  const copy = Buffer.from(part);
  if (copy.length > 10) copy[10] = random.pick([0, 0x0f, 0x18, 0x19, 0x40, 0x70, 0x77, 0xff]);
  if (random.chance(0.7) && copy.length > 10) copy[10] = 0x10 + random.below(9);
  return copy;
}

/** Frames by hand, valid by themselves. */
function handmade(random: Random): Buffer[] {
  const handle = random.pick([0, 1, 2, 3, 7, 1_023, 1_024, 2 ** 31]);
  const id = random.pick([0, 1, 2, 5, 2_047, 2 ** 31, 2 ** 32 - 1]);
  return random.pick<() => Buffer[]>([
    () => [AMQP_HEADER],
    () => [SASL_HEADER, saslInit(random.pick(['ANONYMOUS', 'PLAIN', 'EXTERNAL', 'toString', '']))],
    () => [open({ maxFrameSize: uint(random.pick([0, 511, 512, 2 ** 32 - 1])) })],
    () => [open({ idleTimeOut: uint(random.pick([0, 1, 999, 1_000, 2 ** 31, 2 ** 32 - 1])) })],
    () => [begin(random.pick([0, 1, 2, 8_191, 8_192, 65_535]))],
    () => [end(random.pick([0, 1, 9]))],
    () => [close],
    () => [detach(handle)],
    () => [flow({ handle, credit: random.pick([0, 1, 1_000, 2 ** 32 - 1]) })],
    () => [flow({ handle, credit: id, deliveryCount: uint(id), echo: true })],
    () => [disposition(uint(id), uint(id + 3 > 2 ** 32 - 1 ? id : id + 3), ACCEPTED)],
    () => [disposition(uint(0), uint(random.below(2_048)), random.pick([ACCEPTED, RELEASED]))],
    () => [
      attach({
        name: `fuzz-${random.below(4)}`,
        handle: random.below(8),
        isReceiver: random.chance(0.5),
        address: random.pick(ADDRESSES),
      }),
    ],
    () => [transfer({ handle: random.below(4), deliveryId: id }, random.bytes(random.below(200)))],
    () =>
      Array.from({ length: 40 }, () =>
        transfer({ handle: 0, deliveryId: id, more: true }, Buffer.alloc(GIANT_FRAME_BYTES, 1)),
      ),
    () => [transfer({ handle, deliveryId: id, aborted: true }, nothing)],
    () => [frame(random.bytes(random.below(400)))],
    () => [frame(Buffer.alloc(65_528))],
    () => [frame(described(0x12, list([text('x'), uint(0), array(2 ** 31, 0x40)])))],
    () => [frame(Buffer.concat(Array.from({ length: 3_000 }, () => list([], 60_000))))],
    () => [frame(described(0x10, list([], 2 ** 32 - 1)))],
  ])();
}

/** A well-formed message to $cbs, or to whatever has the handle, with contents of the wrong types. */
function cbsRequest(random: Random): Buffer[] {
  const value = (): unknown =>
    random.pick<unknown>([
      null,
      true,
      7,
      -1.5,
      '',
      'x'.repeat(300),
      'SharedAccessSignature sr=localhost&sig=x&se=9',
      'Bearer a.b.c',
      Buffer.from('bytes'),
      [1, 'two', null],
      { a: { b: {} } },
      new Date(0),
      rhea.message.data_section(Buffer.from('data')),
      rhea.message.sequence_section([1, 2]),
      rhea.types.wrap_ulong(2 ** 52),
    ]);
  const encode = (): Buffer => {
    const message: Record<string, unknown> = {
      body: value(),
      application_properties: {
        operation: random.pick([value(), 'put-token', 'READ', 'delete-token']),
        type: random.pick([value(), 'servicebus.windows.net:sastoken', 'com.microsoft:eventhub']),
        name: random.pick([value(), 'localhost']),
      },
      message_annotations: {
        operation: 'GET',
        resource: random.pick(['', '/properties/reported']),
      },
    };
    for (const field of ['message_id', 'correlation_id', 'reply_to', 'to', 'user_id', 'subject'])
      if (random.chance(0.3)) message[field] = value();
    return rhea.message.encode(message as Parameters<typeof rhea.message.encode>[0]);
  };
  try {
    return [transfer({ handle: random.below(3), deliveryId: random.below(3) }, encode())];
  } catch {
    // Some of these cannot be written at all.
    return [transfer({ handle: 0, deliveryId: 0 }, random.bytes(100))];
  }
}
