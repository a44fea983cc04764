import { withFact } from './lifecycle.ts';
import type { Fact } from './lifecycle.ts';
import type { Message } from './message.ts';
import type { MessageKey, MessageStore } from './message-store.ts';

/** What is older than its message by more than clocks may differ belongs to an earlier message of the same id. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

export interface KeyedFact extends MessageKey {
  readonly fact: Fact;
}

export interface FactTally {
  readonly recorded: number;
  /** Known already: facts are delivered at least once. */
  readonly duplicates: number;
  /** Of messages that Downlink never sent to that device, or keeps no longer. */
  readonly notOurs: number;
  readonly tooOld: number;
}

/** Writes what became of messages, each once however often it is reported. */
export async function recordFacts(
  { store, now }: { store: Pick<MessageStore, 'changeMany'>; now: () => number },
  facts: readonly KeyedFact[],
): Promise<FactTally> {
  const tooOld = new Set<KeyedFact>();
  const outcomes = await store.changeMany(
    facts.map((keyed) => ({
      deviceId: keyed.deviceId,
      messageId: keyed.messageId,
      change: (message: Message) => {
        if (keyed.fact.at < message.createdAt - CLOCK_TOLERANCE_MS) {
          tooOld.add(keyed);
          return undefined;
        }
        return withFact(message, keyed.fact, now());
      },
    })),
  );
  const unchanged = outcomes.filter((outcome) => outcome === 'unchanged').length;
  return {
    recorded: outcomes.filter((outcome) => outcome === 'changed').length,
    duplicates: unchanged - tooOld.size,
    notOurs: outcomes.filter((outcome) => outcome === 'not-found').length,
    tooOld: tooOld.size,
  };
}
