import type { Command, CommandEntry } from './command.ts';

export function helpOfAll(entries: readonly CommandEntry[]): string {
  return [
    'Usage: downlink <command> [options]',
    '',
    'Commands:',
    ...columns(entries.map(({ name, summary }) => [name, summary])),
    '',
    'Options:',
    ...columns([
      ['--help', 'Show this, or the help of a command'],
      ['--version', 'Show the version'],
    ]),
  ].join('\n');
}

export function helpOf({ name, summary }: CommandEntry, command: Command): string {
  const options = Object.entries(command.options).map(([option, { valueName, description }]) => [
    valueName === undefined ? `--${option}` : `--${option} <${valueName}>`,
    description,
  ]);
  return [
    ['Usage: downlink', name, command.positionals, '[options]'].filter(Boolean).join(' '),
    '',
    `${summary}.`,
    '',
    'Options:',
    ...columns([...options, ['--help', 'Show this']]),
    ...(command.details === undefined ? [] : ['', command.details]),
  ].join('\n');
}

export function columns(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([first = '']) => first.length));
  return rows.map(([first = '', ...rest]) => `  ${first.padEnd(width)}  ${rest.join('  ')}`);
}
