import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { seededRandom } from '../../../../simulator/hub/faults/seeded-random.ts';
import { startAmqpHub, type AmqpHub } from './amqp-hub.ts';
import {
  array,
  attach,
  begin,
  boolean,
  bytes,
  close,
  described,
  detach,
  disposition,
  end,
  flow,
  frame,
  list,
  nothing,
  text,
  transfer,
  uint,
} from './raw-frames.ts';
import { RawPeer } from './raw-peer.ts';

const FLOW = 0x13;
const ACCEPTED = described(0x24, list([]));
const CBS_SENDER = attach({ name: 'requests', handle: 0, isReceiver: false });
const CBS_RECEIVER = attach({ name: 'answers', handle: 1, isReceiver: true });
const EMPTY_REQUEST = described(0x77, nothing);

const VALID: readonly Buffer[] = [
  transfer({ handle: 0, deliveryId: 0 }, EMPTY_REQUEST),
  transfer({ handle: 0, deliveryId: 1 }, EMPTY_REQUEST),
  transfer({ handle: 0, deliveryId: 0 }, described(0x75, bytes(Buffer.from('x')))),
  transfer({ handle: 0, deliveryId: 0, more: true }, EMPTY_REQUEST),
  flow({ handle: 1, credit: 5 }),
  flow({ echo: true }),
  disposition(uint(0), uint(1), ACCEPTED),
  attach({
    name: 'feedback',
    handle: 2,
    isReceiver: true,
    address: '/messages/servicebound/feedback',
  }),
  detach(0),
  begin(1),
  end(),
  frame(described(0x12, list([text('y'), uint(3), boolean(true), array(3, 0x41)]))),
  close,
];

/** Valid frames, with bytes changed, or cut off, or no frames at all. */
function junk(below: (limit: number) => number): Buffer {
  if (below(10) === 0) return Buffer.from(Array.from({ length: 300 }, () => below(256)));
  const count = 1 + below(VALID.length);
  const frames = Array.from({ length: count }, () => VALID[below(VALID.length)] ?? nothing);
  const mutated = Buffer.concat(frames);
  for (let flips = below(6); flips > 0; flips--) mutated[below(mutated.length)] = below(256);
  return below(4) === 0 ? mutated.subarray(0, below(mutated.length)) : mutated;
}

let hub: AmqpHub;

beforeEach(async () => {
  // rhea says on the console which sections of a message it does not know.
  jest.spyOn(console, 'warn').mockImplementation(() => {});
  hub = await startAmqpHub();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await hub.stop();
});

async function peer(): Promise<RawPeer> {
  return new RawPeer(await hub.openTls());
}

async function serves(): Promise<void> {
  const client = await hub.authorizedRawClient();
  client.destroy();
}

describe('junk in frames', () => {
  test.each([1, 2, 3])('of a hundred connections, seed %s, does the hub no harm', async (seed) => {
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let batch = 0; batch < 4; batch++) {
      const peers = await Promise.all(Array.from({ length: 25 }, peer));
      for (const each of peers) each.sendBegun(CBS_SENDER, CBS_RECEIVER);
      await Promise.all(peers.map(async (each) => each.received(FLOW)));
      for (const each of peers) each.send(junk(below));
      // Answered after all that came before: the hub has read the junk.
      await serves();
      for (const each of peers) each.destroy();
    }

    await hub.untilLogged('disconnected', 104);
    expect(hub.events('internal error')).toEqual([]);
  });
});
