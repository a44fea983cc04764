import type {
  Invocation,
  InvocationFailure,
  InvocationHistoryEntry,
  InvocationResult,
} from './invocation.ts';

/** Keeps a row within its storage limits however often a call is tried again. */
const MAX_HISTORY_ENTRIES = 100;

/** What a call takes beyond the device's time: connecting to the hub, the hub's own margin, recording the answer. */
const CALL_MARGIN_MS = 25_000;
/** Clocks differ a little. */
const AFTER_CALL_MS = 1_000;

/** An accepted invocation whose queue message is taken for lost after this long, doubled each time. */
const REQUEUE_MS = 60_000;
const MAX_REQUEUE_MS = 60 * 60_000;

export type CallOutcome =
  | { readonly status: 'completed'; readonly result: InvocationResult }
  | {
      readonly status: 'failed' | 'unknown';
      readonly failure: InvocationFailure;
      readonly fallbackMessageId?: string;
    };

/** Errors after which the method may have run, or still runs. */
const MAY_HAVE_RUN: ReadonlySet<string> = new Set([
  'device-timeout',
  'device-disconnected',
  'hub-outcome-unknown',
  'internal',
]);

const CRASHED: InvocationFailure = {
  code: 'hub-outcome-unknown',
  detail:
    'The call was begun and its outcome never recorded: whoever called has stopped. The method may have run.',
};

export function isFinalInvocation({ status }: Pick<Invocation, 'status'>): boolean {
  return status !== 'accepted' && status !== 'calling';
}

/** Until when a call that begins now may record what came of it. */
export function callUntil(
  call: Pick<Invocation, 'responseTimeoutSeconds' | 'connectTimeoutSeconds'>,
  now: number,
): number {
  return now + (call.responseTimeoutSeconds + call.connectTimeoutSeconds) * 1000 + CALL_MARGIN_MS;
}

/** When the sweep must look at an invocation; undefined once it is final. */
export function invocationDueAt({
  status,
  callUntil: until,
  queued,
}: Invocation): number | undefined {
  if (status === 'calling') return (until ?? 0) + AFTER_CALL_MS;
  if (status !== 'accepted') return undefined;
  const { at, times } = queued ?? { at: 0, times: 0 };
  return at + Math.min(REQUEUE_MS * 2 ** (times - 1), MAX_REQUEUE_MS);
}

/** Whether whoever called can no longer record an answer. */
export function isAbandoned(invocation: Invocation, now: number): boolean {
  return invocation.status === 'calling' && (invocationDueAt(invocation) ?? 0) <= now;
}

/** Whether a repeat of the request is a new try: the method did not run, or running it twice does no harm. */
export function mayCallAgain(invocation: Invocation, now: number): boolean {
  const { status, failure, fallbackMessageId, idempotent } = invocation;
  if (fallbackMessageId !== undefined) return false;
  if (status === 'failed') return failure?.code !== 'bad-device-response' || idempotent;
  return idempotent && (status === 'unknown' || isAbandoned(invocation, now));
}

/** At the start of a call, which is written before it begins. */
export function withCall(invocation: Invocation, owner: string, now: number): Invocation {
  const { queued: _called, ...rest } = invocation;
  return {
    ...rest,
    status: 'calling',
    owner,
    callUntil: callUntil(invocation, now),
    history: added(invocation, { status: 'calling', at: now }),
    updatedAt: now,
  };
}

/** At the start of another attempt: `calling` at once, or back in the queue with what it is to be called with. */
export function withNewAttempt(
  invocation: Invocation,
  claim: Pick<Invocation, 'owner' | 'status' | 'callUntil' | 'request' | 'queued'>,
  now: number,
): Invocation {
  const { failure: _f, callUntil: _c, queued: _q, request: _r, result: _s, ...rest } = invocation;
  return {
    ...rest,
    ...claim,
    attempt: invocation.attempt + 1,
    history: added(invocation, { status: claim.status, at: now }),
    updatedAt: now,
  };
}

/** What came of a call, unless another has been begun since. */
export function withOutcome(
  invocation: Invocation,
  owner: string,
  outcome: CallOutcome,
  now: number,
): Invocation | undefined {
  // Late truth replaces doubt.
  const open = invocation.status === 'calling' || invocation.status === 'unknown';
  if (!open || invocation.owner !== owner) return undefined;
  const { callUntil: _until, request: _request, failure: _doubt, ...rest } = invocation;
  return {
    ...rest,
    ...outcome,
    history: added(invocation, { status: outcome.status, at: now, ...detailOf(outcome) }),
    updatedAt: now,
  };
}

/** The hub did nothing and may do it later. */
export function withCallDeferred(
  invocation: Invocation,
  owner: string,
  refusal: InvocationFailure,
  now: number,
): Invocation | undefined {
  if (invocation.status !== 'calling' || invocation.owner !== owner) return undefined;
  const { callUntil: _until, ...rest } = invocation;
  return {
    ...rest,
    status: 'accepted',
    attempt: invocation.attempt + 1,
    queued: { at: now, times: 1 },
    history: added(invocation, { status: 'accepted', at: now, detail: refusal.code }),
    updatedAt: now,
  };
}

/** Whoever called has stopped without a word, and nobody else can know. */
export function withCrash(invocation: Invocation, now: number): Invocation | undefined {
  if (!isAbandoned(invocation, now)) return undefined;
  const { request: _request, callUntil: _until, ...rest } = invocation;
  return {
    ...rest,
    status: 'unknown',
    failure: CRASHED,
    history: added(invocation, { status: 'unknown', at: now, detail: CRASHED.code }),
    updatedAt: now,
  };
}

export function outcomeOfError(error: InvocationFailure, fallbackMessageId?: string): CallOutcome {
  const { code, detail } = error;
  return {
    status: MAY_HAVE_RUN.has(code) ? 'unknown' : 'failed',
    failure: { code, detail },
    ...(fallbackMessageId !== undefined && { fallbackMessageId }),
  };
}

function detailOf(outcome: CallOutcome): { detail: string } | undefined {
  return outcome.status === 'completed' ? undefined : { detail: outcome.failure.code };
}

function added(
  { history }: Invocation,
  entry: InvocationHistoryEntry,
): readonly InvocationHistoryEntry[] {
  return [...history, entry].slice(-MAX_HISTORY_ENTRIES);
}
