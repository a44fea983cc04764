import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from './command.ts';
import { CLOCKS_DIFFER_MS, HAND_OVER_SECONDS } from './system-under-test.ts';
import type { Answer, SystemUnderTest } from './system-under-test.ts';
import { triesAllowed } from './verdict.ts';
import type { Told } from './verdict.ts';

/** A caller gives up after so many requests for one command. */
const MAX_ASKS = 40;
const PAUSE_MS = 250;
const LEASE_MS = HAND_OVER_SECONDS * 1_000;
/** The caller waits a little longer than the lease that he was told of. */
const AFTER_LEASE_MS = LEASE_MS + 1_500;
/** What the contract knows for a valid send: taken, replayed, refused by the hub, hub or storage away, in doubt. */
const EXPECTED = new Set([200, 202, 403, 404, 409, 413, 429, 503, 504]);

export interface Issued extends Told {
  /** Answers that the contract does not know. */
  readonly unexpected: readonly string[];
}

/** Sends one command as a careful caller would: repeats with the same id whenever the contract says that this is safe. */
export async function issue(system: SystemUnderTest, command: Command): Promise<Issued> {
  let asks = 0;
  const requests: { startedAt: number; endedAt: number }[] = [];
  let accepted = 0;
  let enqueued = false;
  const unexpected: string[] = [];

  const ask = async (): Promise<Answer | undefined> => {
    const instance = command.number + asks++;
    const startedAt = performance.now();
    const answer = await system.call('POST', `/api/devices/${command.deviceId}/messages`, {
      instance,
      json: {
        messageId: command.messageId,
        body: { number: command.number },
        ack: command.ack,
        ttlSeconds: command.ttlSeconds,
      },
    });
    requests.push({ startedAt, endedAt: performance.now() });
    if (answer?.status === 202 || answer?.status === 200) {
      accepted++;
      const history = answer.body['history'] as { status: string }[];
      enqueued ||= history.some(({ status }) => status === 'enqueued');
    }
    return answer;
  };

  let answers = await Promise.all(command.twiceAtOnce ? [ask(), ask()] : [ask()]);
  for (;;) {
    for (const answer of answers) {
      if (answer && !EXPECTED.has(answer.status)) {
        unexpected.push(`${answer.status} ${String(answer.body['code'])}`);
      }
    }
    const pauseMs = pauseBeforeRepeat(command, answers[0]);
    if (pauseMs === undefined || asks >= MAX_ASKS) {
      const tries = triesAllowed(requests, LEASE_MS - CLOCKS_DIFFER_MS);
      return { tries, accepted, enqueued, unexpected };
    }
    await sleep(pauseMs);
    answers = [await ask()];
  }
}

/** Undefined if the caller is content, or gives up. */
function pauseBeforeRepeat(command: Command, answer: Answer | undefined): number | undefined {
  if (!answer || answer.status === 503 || answer.status === 429) return PAUSE_MS;
  if (answer.status === 504 && command.repeatsAfterDoubt) return AFTER_LEASE_MS;
  return undefined;
}
