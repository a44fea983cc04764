import type { InvocationStatus } from '../../functions/methods/invocation.ts';
import type { Command } from './command.ts';
import { METHOD_STATUS } from './field-device.ts';
import type { Verdict } from './verdict.ts';

export interface FinalInvocation {
  readonly status: InvocationStatus;
  readonly final: boolean;
  readonly attempt: number;
  /** What the device answered. */
  readonly resultStatus: number | undefined;
}

/** What the caller of a method was told. */
export interface ToldOfMethod {
  readonly accepted: number;
  /** An answer had the device's own result. */
  readonly completed: boolean;
}

/** Compares what Downlink recorded of a call with how often the device truly ran it. */
export function verdictOnInvocation(
  command: Pick<Command, 'methodAnswer' | 'idempotent'>,
  told: ToldOfMethod,
  record: FinalInvocation | undefined,
  ran: number,
): Verdict {
  const truth = `the device ran it ${ran} times`;
  if (!record) {
    if (told.accepted > 0) return { kind: 'lost', why: 'its caller was told that it is recorded' };
    return ran > 0 ? { kind: 'lost', why: `no record, but ${truth}` } : RIGHT;
  }
  if (!record.final) return { kind: 'never final', why: `it is ${record.status} in the end` };
  const { methodAnswer, idempotent } = command;
  if (told.completed && record.status !== 'completed') {
    return { kind: 'wrong state', why: `${record.status}, but its caller has the device's answer` };
  }
  if (record.status === 'completed') {
    const expected = methodAnswer === 'silent' ? undefined : METHOD_STATUS[methodAnswer];
    if (ran === 0 || record.resultStatus !== expected) {
      return { kind: 'wrong state', why: `completed with ${record.resultStatus}, but ${truth}` };
    }
  }
  // An earlier call of one that may be repeated may have run.
  if (record.status === 'failed' && ran > 0 && !(idempotent && record.attempt > 1)) {
    return { kind: 'wrong state', why: `failed, but ${truth}` };
  }
  if (ran <= 1) return RIGHT;
  return idempotent
    ? { kind: 'right', copies: 'repeated in a documented window' }
    : { kind: 'sent twice', why: truth };
}

const RIGHT: Verdict = { kind: 'right', copies: 'one or none' };
