import os from 'node:os';

/** Microseconds, as process.cpuUsage counts them. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

export function describeMachine(): string {
  const [cpu] = os.cpus();
  const gib = (os.totalmem() / 1024 ** 3).toFixed(0);
  return `${os.cpus().length} × ${cpu?.model.trim() ?? '?'}, ${gib} GiB, ${os.type()} ${os.release()}, Node ${process.version}`;
}

export function cpuMicroseconds(from: CpuTime, to: CpuTime): number {
  return to.user + to.system - from.user - from.system;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export type Row = readonly (string | number)[];

/** Columns as wide as their widest cell; numbers to the right. */
export function printTable(title: string, head: readonly string[], rows: readonly Row[]): void {
  const texts = rows.map((row) => row.map(String));
  const widths = head.map((name, column) =>
    Math.max(name.length, ...texts.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  console.log([`\n${title}`, line(head), ...texts.map(line)].join('\n'));
}
