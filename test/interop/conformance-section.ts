import { knownDifference } from './known-differences.ts';
import type { Outcome, RunReport } from './run-capabilities.ts';
import type { Sdk } from './sdks.ts';

export interface SdkReport {
  readonly sdk: Sdk;
  /** By transport. */
  readonly runs: ReadonlyMap<string, RunReport>;
}

/** One table for each SDK of a language, with a footnote for everything that does not hold. */
export function conformanceSection(reports: readonly SdkReport[]): string {
  const notes: string[] = [];
  const note = (why: string): number => {
    if (!notes.includes(why)) notes.push(why);
    return notes.indexOf(why) + 1;
  };
  const tables = reports.map((report) => table(report, note));
  const footnotes = notes.map((why, index) => `${index + 1}. ${why}`).join('\n');
  return [...tables, ...(footnotes === '' ? [] : [footnotes])].join('\n\n');
}

/** Failures that no known difference explains, with what was seen. */
export function unexplained(reports: readonly SdkReport[]): string[] {
  return reports.flatMap(({ sdk, runs }) =>
    [...runs].flatMap(([transport, { outcomes }]) =>
      Object.entries(outcomes).flatMap(([capability, outcome]) =>
        outcome.kind === 'fails' && !knownDifference(sdk.id, transport, capability)
          ? [`${sdk.id} over ${transport}: ${capability}: ${outcome.why}`]
          : [],
      ),
    ),
  );
}

function table({ sdk, runs }: SdkReport, note: (why: string) => number): string {
  const [version = ''] = [...runs.values()].map((run) => run.version);
  const cell = (capability: string, transport: string): string => {
    const outcome = runs.get(transport)?.outcomes[capability];
    return outcome ? text(sdk.id, transport, capability, outcome, note) : '';
  };
  const rows = sdk.capabilities.map(({ title }) => [
    title,
    ...sdk.transports.map((transport) => cell(title, transport)),
  ]);
  const head = [`\`${sdk.packageName}\` ${version}`, ...sdk.transports];
  const lines = [head, head.map(() => '---'), ...rows].map((each) => `| ${each.join(' | ')} |`);
  return lines.join('\n');
}

function text(
  sdk: string,
  transport: string,
  capability: string,
  outcome: Outcome,
  note: (why: string) => number,
): string {
  if (outcome.kind === 'holds') return 'yes';
  if (outcome.kind === 'absent') return '–';
  return `no (${note(knownDifference(sdk, transport, capability)?.why ?? 'Unexplained.')})`;
}
