import { setTimeout as sleep } from 'node:timers/promises';
import { SHORT_TTL_SECONDS } from './command.ts';
import type { Command } from './command.ts';
import { METHOD_NAME } from './field-device.ts';
import { CLOCKS_DIFFER_MS, HAND_OVER_SECONDS } from './system-under-test.ts';
import type { Answer, SystemUnderTest } from './system-under-test.ts';
import { triesAllowed } from './verdict.ts';

/** A caller gives up after so many. */
const MAX_REPEATS = 40;
/** He takes doubt for an answer after so many repeats: a method that timed out stays in doubt. */
const MAX_DOUBTS = 2;
const PAUSE_MS = 250;
const LEASE_MS = HAND_OVER_SECONDS * 1_000;
/** The caller waits a little longer than the lease that he was told of. */
const AFTER_LEASE_MS = LEASE_MS + 1_500;
/** What the contract knows for a valid command: done, taken, refused by the hub, hub or storage away, in doubt. */
const EXPECTED = new Set([200, 202, 403, 404, 409, 413, 429, 502, 503, 504]);

/** What a caller did and was told. */
export interface Issued {
  /** How many of his requests the contract lets be tries of their own. */
  readonly tries: number;
  /** Answers that said: it is recorded. */
  readonly accepted: number;
  /** An answer said that the hub has the message. */
  readonly enqueued: boolean;
  /** An answer had the device's own result of a method. */
  readonly completed: boolean;
  /** Answers that the contract does not know. */
  readonly unexpected: readonly string[];
}

/** Issues one command as a careful caller would: repeats it whenever the contract says that this is safe. */
export async function issue(system: SystemUnderTest, command: Command): Promise<Issued> {
  const requests: { startedAt: number; endedAt: number }[] = [];
  const answers: Answer[] = [];
  let asks = 0;

  const ask = async (): Promise<Answer | undefined> => {
    const instance = command.number + asks++;
    const startedAt = performance.now();
    const answer = await system.call('POST', routeOf(command), { instance, ...contentOf(command) });
    requests.push({ startedAt, endedAt: performance.now() });
    if (answer) answers.push(answer);
    return answer;
  };

  let [answer] = await Promise.all(command.twiceAtOnce ? [ask(), ask()] : [ask()]);
  let doubts = 0;
  for (let repeats = 0; repeats < MAX_REPEATS; repeats++) {
    if (answer?.status === 504) doubts++;
    const pauseMs = pauseBeforeRepeat(answer, command.repeatsAfterDoubt && doubts <= MAX_DOUBTS);
    if (pauseMs === undefined) break;
    await sleep(pauseMs);
    answer = await ask();
  }
  const taken = answers.filter(({ status }) => status === 200 || status === 202);
  return {
    tries: triesAllowed(requests, LEASE_MS - CLOCKS_DIFFER_MS),
    accepted: taken.length,
    enqueued: taken.some(({ body }) => hasBeenEnqueued(body)),
    completed: command.kind === 'method' && taken.some(({ body }) => 'payload' in body),
    unexpected: answers
      .filter(({ status }) => !EXPECTED.has(status) && !(status === 400 && isShortLived(command)))
      .map(({ status, body }) => `${status} ${String(body['code'])}`),
  };
}

function routeOf({ kind, deviceId }: Command): string {
  const device = `/api/devices/${deviceId}`;
  if (kind === 'method') return `${device}/methods/${METHOD_NAME}`;
  return `${device}/messages${kind === 'queued' ? '?dispatch=queued' : ''}`;
}

function contentOf(command: Command): { json: unknown; headers: Record<string, string> } {
  const { number, messageId, ack, ttlSeconds, idempotent, respondAsync } = command;
  if (command.kind !== 'method') {
    return { headers: {}, json: { messageId, body: { number }, ack, ttlSeconds } };
  }
  return {
    headers: {
      'idempotency-key': messageId,
      ...(respondAsync && { prefer: 'respond-async' }),
    },
    json: { payload: { number }, responseTimeoutSeconds: 5, idempotent },
  };
}

/** By the hub's clock, which jumps ahead, its time to live may be over when it comes: then the hub refuses it. */
function isShortLived({ ttlSeconds }: Command): boolean {
  return ttlSeconds <= SHORT_TTL_SECONDS;
}

/** Undefined if the caller is content, or gives up. */
function pauseBeforeRepeat(answer: Answer | undefined, isPatient: boolean): number | undefined {
  if (!answer || answer.status === 503 || answer.status === 429) return PAUSE_MS;
  return answer.status === 504 && isPatient ? AFTER_LEASE_MS : undefined;
}

function hasBeenEnqueued(body: Answer['body']): boolean {
  const history = (body['history'] ?? []) as readonly { readonly status: string }[];
  return history.some(({ status }) => status === 'enqueued');
}
