import mqttPacket, { type Packet, type QoS } from 'mqtt-packet';
import { changeOne, inserted, MUTATIONS_OF_ANY_PROTOCOL, type Mutation } from './conversation.ts';
import type { Random } from './random.ts';

const TOPICS = [
  'devices/mqtt-0/messages/events/',
  'devices/mqtt-1/messages/devicebound/#',
  'devices/+/messages/devicebound/#',
  '$iothub/twin/GET/?$rid=1',
  '$iothub/twin/PATCH/properties/reported/?$rid=2',
  '$iothub/twin/PATCH/properties/desired/#',
  '$iothub/twin/res/#',
  '$iothub/methods/POST/#',
  '$iothub/methods/res/200/?$rid=3',
  '$iothub/methods/res/99999999999/?$rid=',
  '#',
  '',
  '\0',
  'x'.repeat(65_535),
];
const PAYLOADS = [
  '',
  '{}',
  '[]',
  'null',
  '{"a":1e999}',
  '{"__proto__":{"x":1}}',
  '{"a":'.repeat(2_000),
];

export const MQTT_MUTATIONS: readonly Mutation[] = [
  ...MUTATIONS_OF_ANY_PROTOCOL,
  (random, packets) => changeOne(random, packets, (packet) => withRemainingLength(random, packet)),
  (random, packets) => changeOne(random, packets, (packet) => withFirstByte(random, packet)),
  (random, packets) => changeOne(random, packets, (packet) => resized(random.spliced(packet))),
  (random, packets) => inserted(random, packets, [handmade(random)]),
  (random, packets) =>
    inserted(
      random,
      packets,
      Array.from({ length: 60 }, () => handmade(random)),
    ),
  // The first packet comes in pieces.
  (_random, [first = Buffer.alloc(0), ...rest]) => [
    ...Array.from(first, (byte) => Buffer.from([byte])),
    ...rest,
  ],
];

function withRemainingLength(random: Random, packet: Buffer): Buffer {
  const length = random.pick([
    [0],
    [1],
    [0x7f],
    [0x80, 0x01],
    [0x80, 0x00],
    [0xff, 0xff, 0xff, 0x7f],
    [0xff, 0xff, 0xff, 0xff],
    [0x80, 0x80, 0x80, 0x80, 0x01],
    [random.below(128)],
  ]);
  return Buffer.concat([packet.subarray(0, 1), Buffer.from(length), packet.subarray(2)]);
}

/** Type and flags. */
function withFirstByte(random: Random, packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  if (copy.length > 0) copy[0] = random.below(256);
  return copy;
}

/** The remaining length is right: the parser has to deal with the rest. */
function resized(packet: Buffer): Buffer {
  const body = packet.subarray(2);
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest % 128) + (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([packet.subarray(0, 1), Buffer.from(length), body]);
}

/** Packets that are well-formed, most of them. */
function handmade(random: Random): Buffer {
  const messageId = random.pick([1, 2, 3, 7, 65_535]);
  const qos = random.below(3) as QoS;
  const topic = random.pick(TOPICS);
  const packet = random.pick<() => Packet>([
    () => ({ cmd: 'pingreq' }),
    () => ({ cmd: 'disconnect' }),
    () => ({ cmd: 'puback', messageId }),
    () => ({ cmd: 'pubrec', messageId }),
    () => ({ cmd: 'pubrel', messageId }),
    () => ({ cmd: 'pubcomp', messageId }),
    () => ({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos }] }),
    () => ({
      cmd: 'subscribe',
      messageId,
      subscriptions: TOPICS.slice(0, 9).map((each) => ({ topic: each, qos })),
    }),
    () => ({ cmd: 'unsubscribe', messageId, unsubscriptions: [topic] }),
    () => ({ cmd: 'connack', returnCode: 0, sessionPresent: false }),
    () => ({ cmd: 'suback', messageId, granted: [0] }),
    () => ({
      cmd: 'publish',
      topic: topic === '' ? 'x' : topic,
      payload: random.chance(0.1) ? Buffer.alloc(300_000) : random.pick(PAYLOADS),
      qos,
      dup: random.chance(0.2),
      retain: random.chance(0.2),
      messageId,
    }),
    () => ({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: random.chance(0.5),
      clientId: random.pick(['', 'mqtt-0', 'nobody', 'a/b', 'x'.repeat(300)]),
      keepalive: random.pick([0, 1, 65_535]),
      username: random.pick(['localhost/mqtt-0/?api-version=2021-04-12', '/', '']),
      password: Buffer.from(random.pick(['SharedAccessSignature sr=&sig=&se=1', '', 'x'])),
    }),
  ])();
  try {
    return mqttPacket.generate(packet);
  } catch {
    // Some of these cannot be written.
    return random.bytes(20);
  }
}
