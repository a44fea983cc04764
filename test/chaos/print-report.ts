import type { ChaosReport } from './chaos-report.ts';
import type { Fault, Verdict } from './verdict.ts';

const FAULTS: readonly Fault[] = ['lost', 'wrong state', 'never final', 'sent twice'];
const EXAMPLES = 10;

/** The table that is shown, and whether every promise held. */
export function printReport(report: ChaosReport): { text: string; isRight: boolean } {
  const { seconds, struck, ends, verdicts, unexpectedAnswers, timesToFinalMs } = report;
  const broken = verdicts.flatMap(({ id, verdict }) =>
    verdict.kind === 'right' ? [] : [{ id, verdict }],
  );
  const repeated = verdicts.filter(
    ({ verdict }) => verdict.kind === 'right' && verdict.copies !== 'one or none',
  ).length;
  const rows: [string, string | number][] = [
    ['commands', verdicts.length],
    ['issued in', `${seconds.toFixed(0)} s (${(verdicts.length / seconds).toFixed(0)} per second)`],
    ...[...ends].toSorted(byName).map(([end, times]): [string, number] => [`  ${end}`, times]),
    ['faults', sum(struck)],
    ...[...struck].toSorted(byName).map(([kind, times]): [string, number] => [`  ${kind}`, times]),
    ['repeated in doubt, within the documented windows', repeated],
    ...FAULTS.map((fault): [string, number] => [
      fault,
      broken.filter(({ verdict }) => verdict.kind === fault).length,
    ]),
    ['out of order', report.outOfOrder.length],
    ['answers outside the contract', sum(unexpectedAnswers)],
    ...[...unexpectedAnswers].map(([answer, times]): [string, number] => [`  ${answer}`, times]),
    ['time to final p50, p95, max', percentiles(timesToFinalMs)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const examples = broken
    .slice(0, EXAMPLES)
    .map(({ id, verdict }) => `${id}: ${verdict.kind}: ${whyOf(verdict)}`);
  const overtaking = report.outOfOrder.slice(0, EXAMPLES).map((id) => `${id}: out of order`);
  return {
    text: [...lines, ...examples, ...overtaking].join('\n'),
    isRight: broken.length + report.outOfOrder.length === 0 && unexpectedAnswers.size === 0,
  };
}

function whyOf(verdict: Verdict): string {
  return verdict.kind === 'right' ? '' : verdict.why;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, times) => total + times, 0);
}

function percentiles(sorted: readonly number[]): string {
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return [0.5, 0.95, 1].map((share) => `${(at(share) / 1000).toFixed(1)} s`).join(', ');
}

function byName([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1;
}
