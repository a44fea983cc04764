import type { InvocationContext, StorageQueueHandler } from '@azure/functions';
import { DownlinkError } from '../errors.ts';
import { logLine } from '../log-line.ts';

/** Deliveries after which the host gives a message up: maxDequeueCount in host.json. */
export const MAX_DEQUEUE_COUNT = 5;

/** A queue takes messages of 64 KB as base64; the reason comes on top. */
const MAX_TEXT = 16_000;

/** Where messages go that cannot be worked on, with the reason why. */
export interface PoisonQueue {
  enqueue(
    poison: { message: string; reason: { code: string; detail: string }; at: string },
    delayMs: number,
  ): Promise<void>;
}

/**
 * A handler whose messages end with their reason: one that makes no sense at once, one that fails at its last
 * delivery. The host alone would move them without a word.
 */
export function withPoison<Message>(options: {
  queue: PoisonQueue;
  /** Throws for what is not one of ours. */
  parse: (message: unknown) => Message;
  handle: (message: Message, context: InvocationContext) => Promise<void>;
  /** Tells whoever waits for it that it will not be worked on. */
  giveUp: (message: Message, reason: { code: string; detail: string }) => Promise<void>;
  now: () => number;
}): StorageQueueHandler {
  const { queue, parse, handle, giveUp, now } = options;

  async function toPoison(
    message: unknown,
    reason: { code: string; detail: string },
    context: InvocationContext,
  ): Promise<void> {
    const text = (typeof message === 'string' ? message : JSON.stringify(message)) ?? '';
    const at = new Date(now()).toISOString();
    await queue.enqueue({ message: text.slice(0, MAX_TEXT), reason, at }, 0);
    context.error(logLine('queue.poisoned', { queue: context.functionName, code: reason.code }));
  }

  return async (raw, context) => {
    let message: Message;
    try {
      message = parse(raw);
    } catch {
      return toPoison(raw, NOT_UNDERSTOOD, context);
    }
    try {
      await handle(message, context);
    } catch (error) {
      if (deliveriesOf(context) < MAX_DEQUEUE_COUNT) throw error;
      const reason = reasonOf(error);
      await giveUp(message, reason);
      await toPoison(raw, reason, context);
    }
  };
}

const NOT_UNDERSTOOD = {
  code: 'not-understood',
  detail: 'The message is none that Downlink puts into this queue.',
};

/** How often the host has delivered the message, this time included. */
export function deliveriesOf(context: InvocationContext): number {
  return Number(context.triggerMetadata?.['dequeueCount'] ?? 1);
}

function reasonOf(error: unknown): { code: string; detail: string } {
  if (error instanceof DownlinkError) return { code: error.code, detail: error.detail };
  return { code: 'internal', detail: 'Something went wrong here, again and again; see the log.' };
}
