import type { PlainPeer } from './plain-peer.ts';
import type { Random } from './random.ts';
import type { Recording } from './recording-proxy.ts';

interface Step {
  readonly bytes: Buffer;
  /** To wait for this many frames, or packets, of the hub before. */
  readonly awaitedParts: number;
}

/** What an SDK said, frame by frame, or packet by packet. */
export type Conversation = readonly Step[];

type Split = (bytes: Buffer) => readonly Buffer[];

export type Mutation = (
  random: Random,
  parts: Buffer[],
  conversations: readonly Conversation[],
) => Buffer[];

/** What an SDK said, until it goes wrong. */
export interface Input {
  readonly prefix: Conversation;
  readonly junk: readonly Buffer[];
}

/** For the hub's answer to what an SDK said; it comes unless others were answered instead. */
const ANSWER_MS = 40;
/** For whatever the hub has to say to junk; it owes nothing to half a frame. */
const JUNK_ANSWER_MS = 15;
const MAX_JUNK_PARTS = 20;
const MAX_MUTATIONS = 3;

export function conversationOf({ steps, answers }: Recording, split: Split): Conversation {
  return steps.flatMap(({ bytes, answeredBytes }) =>
    split(bytes).map((part) => ({
      bytes: part,
      awaitedParts: split(answers.subarray(0, answeredBytes)).length,
    })),
  );
}

export function newInput(
  random: Random,
  conversation: Conversation,
  mutations: readonly Mutation[],
  conversations: readonly Conversation[],
): Input {
  const turn = random.below(conversation.length + 1);
  const rest = conversation.slice(turn).map(({ bytes }) => bytes);
  let junk: Buffer[] = rest.slice(0, 1 + random.below(MAX_JUNK_PARTS));
  for (let count = 1 + random.below(MAX_MUTATIONS); count > 0; count--)
    junk = random.pick(mutations)(random, junk, conversations);
  return { prefix: conversation.slice(0, turn), junk };
}

export async function say({ prefix, junk }: Input, peer: PlainPeer, split: Split): Promise<void> {
  let patienceMs = ANSWER_MS;
  for (const { bytes, awaitedParts } of prefix) {
    const hasAnswered = (): boolean => split(peer.received).length >= awaitedParts;
    await peer.wait(hasAnswered, patienceMs);
    if (!hasAnswered()) patienceMs = 0;
    peer.send(bytes);
  }
  for (const bytes of junk) peer.send(bytes);
  const before = peer.receivedBytes;
  await peer.wait(() => peer.receivedBytes > before, JUNK_ANSWER_MS);
}

export function changeOne(
  random: Random,
  parts: Buffer[],
  change: (part: Buffer) => Buffer,
): Buffer[] {
  const place = random.below(parts.length);
  return parts.map((part, index) => (index === place ? change(part) : part));
}

export function inserted(random: Random, parts: Buffer[], more: readonly Buffer[]): Buffer[] {
  return parts.toSpliced(random.below(parts.length + 1), 0, ...more);
}

/** What can go wrong whatever the protocol: bytes, order, repetition, omission, somebody else's words, an end amid a part. */
export const MUTATIONS_OF_ANY_PROTOCOL: readonly Mutation[] = [
  (random, parts) => changeOne(random, parts, (part) => random.flipped(part)),
  (random, parts) => changeOne(random, parts, (part) => random.spliced(part)),
  (random, parts) => parts.toSorted(() => random.below(3) - 1),
  (random, parts) => parts.filter(() => random.chance(0.7)),
  (random, parts) => parts.flatMap((part) => (random.chance(0.3) ? [part, part] : [part])),
  (random, parts, conversations) => {
    const theirs = random.pick(conversations);
    return inserted(random, parts, theirs.length > 0 ? [random.pick(theirs).bytes] : []);
  },
  (random, parts) => inserted(random, parts, [random.bytes(random.below(300))]),
  (random, parts) => [...parts, Buffer.concat(parts).subarray(0, random.below(100))],
];
