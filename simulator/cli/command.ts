interface CommandOption {
  type: 'boolean' | 'string';
  /** A string option's value in the help, as in `--data <folder>`. */
  valueName?: string;
  description: string;
  multiple?: boolean;
}

export interface CommandArguments {
  values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  positionals: string[];
}

export interface Command {
  /** What follows the command's name besides its options, as in `<deviceId> <body>`. */
  positionals?: string;
  options: Record<string, CommandOption>;
  /** Help below the options. */
  details?: string;
  /** Answers the exit code. */
  run(given: CommandArguments): Promise<number>;
}

/** A row of the table of commands: what the list of all of them shows, and where the rest is. */
export interface CommandEntry {
  name: string;
  summary: string;
  load(): Promise<Command>;
}
