import { parseArgs } from 'node:util';
import { CliError, UsageError } from './cli-error.ts';
import type { Command, CommandArguments, CommandEntry } from './command.ts';
import { helpOf, helpOfAll } from './help.ts';

/** Finds the command, runs it and answers the exit code: 0 done, 1 failed, 2 wrongly called. */
export async function runCommand(
  entries: readonly CommandEntry[],
  version: string,
  argv: readonly string[],
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(helpOfAll(entries));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version') {
    console.log(version);
    return 0;
  }
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    console.error(`downlink: there is no command "${name}". See: downlink --help`);
    return 2;
  }
  try {
    const command = await entry.load();
    if (rest.includes('--help') || rest.includes('-h')) {
      console.log(helpOf(entry, command));
      return 0;
    }
    return await command.run(argumentsOf(command, rest));
  } catch (error) {
    return reportFailure(name, error);
  }
}

function argumentsOf(command: Command, args: string[]): CommandArguments {
  try {
    return parseArgs({
      args,
      options: command.options,
      allowPositionals: command.positionals !== undefined,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function reportFailure(name: string, error: unknown): number {
  if (!(error instanceof CliError)) {
    console.error(`downlink ${name}: unexpected error`, error);
    return 1;
  }
  console.error(`downlink ${name}: ${error.message}`);
  if (error instanceof UsageError) console.error(`See: downlink ${name} --help`);
  return error.exitCode;
}
