import type { InvocationInput, InvocationResponse } from './core-module/core-types.ts';
import type { FunctionApp, RegisteredFunction } from './core-module/function-app.ts';
import { invoke } from './core-module/invoke.ts';
import { isError } from './host-error.ts';
import type { HostLog } from './host-log.ts';

export interface InvocationsOptions {
  readonly app: FunctionApp;
  /** undefined: without an end. */
  readonly timeoutMs: number | undefined;
  readonly log: HostLog;
}

/** Every call of a function goes through here: it is timed, and what becomes of a failure is logged. */
export class Invocations {
  readonly #options: InvocationsOptions;
  readonly #running = new Map<symbol, string>();

  constructor(options: InvocationsOptions) {
    this.#options = options;
  }

  /** The names of the functions that run just now. */
  get running(): string[] {
    return [...this.#running.values()];
  }

  /** That the input cannot be made counts as a failure of the invocation. */
  async run(
    registered: RegisteredFunction,
    makeInput: () => InvocationInput,
  ): Promise<InvocationResponse> {
    const { app, timeoutMs, log } = this.#options;
    const { name } = registered.metadata;
    const id = Symbol(name);
    this.#running.set(id, name);
    try {
      return await withTimeout(invoke(app, registered, makeInput()), timeoutMs);
    } catch (error) {
      log.write('error', name, `failed: ${isError(error) ? (error.stack ?? '') : String(error)}`);
      throw error;
    } finally {
      this.#running.delete(id);
    }
  }
}

// setTimeout takes what is longer for 1 ms.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

// The real host ends the worker's process then. Here the function runs on, but nobody waits for it.
async function withTimeout<T>(work: Promise<T>, timeoutMs: number | undefined): Promise<T> {
  if (timeoutMs === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(new Error(`it took longer than functionTimeout, ${String(timeoutMs / 1_000)} s`));
      },
      Math.min(timeoutMs, MAX_TIMEOUT_MS),
    );
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
