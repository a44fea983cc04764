import { fork, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Part } from './part.ts';

export interface ChildPartOptions {
  name: string;
  entryPoint: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Every line that the child writes. */
  print: (line: string) => void;
}

const STOP_TIMEOUT_MS = 8_000;

/** What a child sends instead of being ready; it says more than its exit code. */
const failedSchema = z.looseObject({ type: z.literal('failed'), message: z.string() });

export class ChildFailedError extends Error {
  override readonly name = 'ChildFailedError';
  /** All that the child said. */
  readonly details: Record<string, unknown>;

  constructor(message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.details = details;
  }
}

/**
 * A child process that says over IPC when it is ready, and that stops, in order, when its IPC channel
 * closes. So it also stops when this process is killed, and Windows needs nothing of its own.
 */
export class ChildPart implements Part {
  readonly name: string;
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  /** Settles, with how it ended, once it is gone and all its output was read. */
  readonly #closed: Promise<string>;
  #isReady = false;
  #isStopping = false;

  constructor({ name, entryPoint, args, env, print }: ChildPartOptions) {
    this.name = name;
    const child = fork(entryPoint, args, {
      env,
      execArgv: [],
      // Ctrl-C and the end of a terminal are told to a whole group; this process alone is to hear
      // them, and to stop its parts in order. Windows would open a window for each.
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(describeEnd(code, signal)));
      child.on('error', (error) => resolve(`could not be run: ${error.message}`));
    });
    const read = [child.stdout, child.stderr].map(async (stream) => forwardLines(stream, print));
    // Not the event 'close': Node emits none after a disconnect from this side.
    this.#closed = Promise.all(read).then(async () => exited);
    this.ended = new Promise((resolve) => {
      void this.#closed.then((end) => this.#isStopping || resolve(end));
    });
  }

  /** Rejects with a ChildFailedError if the child says that it failed, or ends. */
  async ready<T>(schema: z.ZodType<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (message: unknown) => {
        const failed = failedSchema.safeParse(message).data;
        if (failed !== undefined) reject(new ChildFailedError(failed.message, failed));
        if (!isReady(message)) return;
        this.#isReady = true;
        const ready = schema.safeParse(message);
        if (ready.success) resolve(ready.data);
        else reject(new Error(`The ${this.name} sent what we do not know`, { cause: ready.error }));
      });
      void this.#closed.then((end) => reject(new ChildFailedError(`The ${this.name} ${end}`)));
    });
  }

  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    this.#isStopping = true;
    // Before it is ready it may not have come to listen for the end of its channel.
    if (!this.#isReady) this.#child.kill();
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    await this.#closed;
    clearTimeout(timer);
  }
}

async function forwardLines(stream: Readable | null, print: (line: string) => void) {
  if (stream === null) return;
  for await (const line of createInterface({ input: stream })) print(line);
}

function isReady(message: unknown): boolean {
  return (
    typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready'
  );
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `ended with exit code ${code ?? 'unknown'}` : `was ended by ${signal}`;
}
