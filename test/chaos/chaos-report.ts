import type { MessageStatus } from '../../functions/messages/message.ts';
import { idOfKey } from '../../functions/http/id-of-key.ts';
import type { Issued } from './caller.ts';
import { commandOf } from './command.ts';
import type { FaultKind } from './fault-schedule.ts';
import type { HubTruth } from './hub-truth.ts';
import { outOfOrder } from './order.ts';
import type { Dispatched } from './order.ts';
import type { Records } from './records.ts';
import { CLOCKS_DIFFER_MS } from './system-under-test.ts';
import { verdictOn } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { verdictOnInvocation } from './verdict-on-invocation.ts';

export interface ChaosReport {
  readonly seconds: number;
  readonly struck: ReadonlyMap<FaultKind, number>;
  /** How many commands ended how, such as `message delivered`. */
  readonly ends: ReadonlyMap<string, number>;
  readonly verdicts: readonly { readonly id: string; readonly verdict: Verdict }[];
  /** Messages of queued dispatch that overtook one accepted before them. */
  readonly outOfOrder: readonly string[];
  readonly unexpectedAnswers: ReadonlyMap<string, number>;
  /** From creation to the last change, of what the hub reported on; in milliseconds, in order. */
  readonly timesToFinalMs: readonly number[];
}

const REPORTED: ReadonlySet<MessageStatus> = new Set([
  'delivered',
  'rejected',
  'expired',
  'deliveryCountExceeded',
]);

/** Judges every command. */
export function chaosReport(run: {
  seed: number;
  seconds: number;
  struck: ReadonlyMap<FaultKind, number>;
  issued: readonly Issued[];
  records: Records;
  truth: HubTruth;
  /** How often each command's method ran. */
  ran: ReadonlyMap<number, number>;
}): ChaosReport {
  const { seed, seconds, struck, issued, records, truth, ran } = run;
  const ends = new Map<string, number>();
  const unexpectedAnswers = new Map<string, number>();
  const dispatched: Dispatched[] = [];
  const verdicts = issued.map((told, number) => {
    const command = commandOf(seed, number);
    const { kind, deviceId, messageId } = command;
    for (const answer of told.unexpected) count(unexpectedAnswers, answer);
    if (kind === 'method') {
      const record = records.invocations.get(idOfKey(deviceId, messageId));
      count(ends, `method ${record?.status ?? 'not recorded'}`);
      const verdict = verdictOnInvocation(command, told, record, ran.get(number) ?? 0);
      return { id: `${deviceId} ${messageId} (method)`, verdict };
    }
    const record = records.messages.get(messageId);
    count(ends, `${kind} ${record?.status ?? 'not recorded'}`);
    const copies = truth.copiesOf(messageId);
    const [firstCopy] = copies;
    if (kind === 'queued' && record?.attempt === 1 && firstCopy) {
      dispatched.push({ deviceId, messageId, acceptedAt: record.createdAt, firstCopy });
    }
    const verdict = verdictOn(command, told, record, copies);
    return { id: `${deviceId} ${messageId} (${kind})`, verdict };
  });
  return {
    seconds,
    struck,
    ends,
    verdicts,
    outOfOrder: outOfOrder(dispatched, CLOCKS_DIFFER_MS),
    unexpectedAnswers,
    timesToFinalMs: [...records.messages.values()]
      .filter(({ status }) => REPORTED.has(status))
      .map(({ tookMs }) => tookMs)
      .toSorted((a, b) => a - b),
  };
}

/** Several rounds as one. */
export function joined(reports: readonly ChaosReport[]): ChaosReport {
  return {
    seconds: reports.reduce((sum, { seconds }) => sum + seconds, 0),
    struck: added(reports.map(({ struck }) => struck)),
    ends: added(reports.map(({ ends }) => ends)),
    verdicts: reports.flatMap(({ verdicts }) => verdicts),
    outOfOrder: reports.flatMap((report) => report.outOfOrder),
    unexpectedAnswers: added(reports.map(({ unexpectedAnswers }) => unexpectedAnswers)),
    timesToFinalMs: reports
      .flatMap(({ timesToFinalMs }) => timesToFinalMs)
      .toSorted((a, b) => a - b),
  };
}

function added<K>(all: readonly ReadonlyMap<K, number>[]): Map<K, number> {
  const total = new Map<K, number>();
  for (const counts of all) {
    for (const [key, times] of counts) total.set(key, (total.get(key) ?? 0) + times);
  }
  return total;
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
