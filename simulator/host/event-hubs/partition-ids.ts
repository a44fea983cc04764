import { setTimeout as sleep } from 'node:timers/promises';
import type { EventHubConsumerClient } from '@azure/event-hubs';
import { describeError } from '../host-error.ts';

/** A hub that is away is looked for again this often. */
export const LOOK_INTERVAL_MS = 1_000;

interface Question {
  readonly connect: () => EventHubConsumerClient;
  readonly stallLimitMs: number;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

/** That the hub is away is waited out. Each try has a connection of its own: the last may have come to a halt. */
export async function askPartitionIds(question: Question): Promise<string[]> {
  const { connect, stallLimitMs, signal, tell } = question;
  while (!signal.aborted) {
    const client = connect();
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(stallLimitMs)]);
    try {
      return await client.getPartitionIds({ abortSignal });
    } catch (error) {
      if (signal.aborted) break;
      tell(`the partitions cannot be asked for: ${describeError(error)}`);
      await sleep(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    } finally {
      // Not waited for: without a connection its goodbyes can take a minute.
      client
        .close()
        .catch((error: unknown) => tell(`a connection is not closed: ${describeError(error)}`));
    }
  }
  return [];
}
