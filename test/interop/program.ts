import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ProgramCommand {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a program answers: one line of JSON for every line that it is told. */
export type Answer =
  | { readonly value: unknown }
  | { readonly error: { readonly name: string; readonly message: string } }
  /** The SDK offers no such thing over this transport. */
  | { readonly absent: string };

export class AbsentError extends Error {
  override readonly name = 'AbsentError';
}

/** An error that the SDK gave to its caller, as any program would meet it. */
export class SdkError extends Error {
  readonly sdkName: string;

  constructor({ name, message }: { name: string; message: string }) {
    super(`${name}: ${message}`);
    this.sdkName = name;
  }
}

/** It said nothing in time, or died: whatever it holds is lost. */
class SilentProgramError extends Error {
  override readonly name = 'SilentProgramError';
}

const LAST_WORDS = 2_000;

/**
 * A program that uses one SDK as its documentation tells, and does what it is told over stdin, one thing after the
 * other. What it prints besides answers is kept for the message of a failure.
 */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #waiting: ((answer: Answer | undefined) => void) | undefined;
  #lastWords = '';
  #over = false;

  constructor(command: ProgramCommand) {
    this.#child = spawn(command.file, command.arguments, {
      env: { ...process.env, ...command.env },
      stdio: 'pipe',
    });
    this.#ended = new Promise((resolve) => {
      const onEnd = (): void => {
        this.#over = true;
        this.#waiting?.(undefined);
        resolve();
      };
      this.#child.once('close', onEnd);
      this.#child.once('error', (error) => {
        this.#remember(String(error));
        onEnd();
      });
    });
    this.#child.stderr.on('data', (text: Buffer) => this.#remember(text.toString()));
    // Told of its end by 'close'; a line to a dead one is no error of its own.
    this.#child.stdin.on('error', () => {});
    createInterface(this.#child.stdout).on('line', (line) => {
      const answer = readAnswer(line);
      if (answer) this.#waiting?.(answer);
      else this.#remember(`${line}\n`);
    });
  }

  get over(): boolean {
    return this.#over;
  }

  /** Throws AbsentError, SdkError, SilentProgramError. */
  async call(verb: string, parameters: object, withinMs: number): Promise<unknown> {
    const answer = await this.#exchange(JSON.stringify({ verb, ...parameters }), withinMs);
    if (!answer) {
      const what = this.#over ? 'ended' : `did not answer within ${withinMs} ms`;
      throw new SilentProgramError(`The program ${what} at '${verb}'. ${this.#lastWords}`);
    }
    if ('absent' in answer) throw new AbsentError(answer.absent);
    if ('error' in answer) throw new SdkError(answer.error);
    return answer.value;
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 500);
    await this.#ended;
    clearTimeout(impatience);
  }

  #exchange(line: string, withinMs: number): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      if (this.#over) return resolve(undefined);
      const timer = setTimeout(() => settle(undefined), withinMs);
      const settle = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(answer);
      };
      this.#waiting = settle;
      this.#child.stdin.write(`${line}\n`);
    });
  }

  #remember(text: string): void {
    this.#lastWords = `${this.#lastWords}${text}`.slice(-LAST_WORDS);
  }
}

function readAnswer(line: string): Answer | undefined {
  if (!/^\{"(value|error|absent)":/.test(line)) return undefined;
  return JSON.parse(line) as Answer;
}
