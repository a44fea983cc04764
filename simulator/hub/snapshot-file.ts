import { rename } from 'node:fs/promises';
import { z } from 'zod';
import { readIfPresent } from './read-if-present.ts';
import { snapshotSchema } from './snapshot-schema.ts';
import { HubState, type HubStateOptions } from './state/hub-state.ts';
import { writeFileAtomically } from './write-file-atomically.ts';

/** How long changes gather before they are written. */
const QUIET_MS = 200;
/** A large state is written less often: saving may take this part of the time at most. */
const SHARE_OF_TIME = 0.1;
const RETRY_MS = 5_000;

/** The state that the file holds, or a new one; a file that cannot be used is set aside, and `setAside` says why. */
export async function restoreState(
  path: string,
  options: HubStateOptions,
): Promise<{ state: HubState; setAside?: string }> {
  const text = await readIfPresent(path);
  if (text === undefined) return { state: new HubState(options) };
  // Settings that are not valid are no fault of the file.
  const state = new HubState(options);
  try {
    const snapshot = snapshotSchema.safeParse(JSON.parse(text), { reportInput: false });
    if (!snapshot.success) throw new Error(z.prettifyError(snapshot.error).replaceAll('\n', ' '));
    return { state: HubState.restore(snapshot.data, options) };
  } catch (error) {
    const aside = `${path}.${new Date().toISOString().replaceAll(':', '-')}.unreadable`;
    await rename(path, aside);
    return {
      state,
      setAside: `The hub starts afresh: its saved state could not be used and was set aside as ${aside} (${messageOf(error)})`,
    };
  }
}

/** Writes the state to a file shortly after it changed. */
export class SnapshotWriter {
  readonly #state: HubState;
  readonly #path: string;
  readonly #onError: (error: unknown) => void;
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isDirty = true;
  #isStopped = false;
  #lastWriteMs = 0;
  /** One write at a time: the next begins once the last is done. */
  #writing: Promise<void> = Promise.resolve();

  constructor(state: HubState, path: string, onError: (error: unknown) => void) {
    this.#state = state;
    this.#path = path;
    this.#onError = onError;
    this.#unsubscribe = state.onChange(() => {
      this.#isDirty = true;
      this.#arm();
    });
  }

  /** Writes what is not written yet; rejects if that fails. */
  async flush(): Promise<void> {
    this.#disarm();
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    await this.#writing;
  }

  /** Writes for the last time. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe();
    await this.flush();
  }

  #arm(delay = Math.max(QUIET_MS, this.#lastWriteMs / SHARE_OF_TIME)): void {
    if (this.#timer || this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.flush().catch((error: unknown) => {
        this.#onError(error);
        this.#arm(RETRY_MS);
      });
    }, delay).unref();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #write(): Promise<void> {
    if (!this.#isDirty) return;
    const start = performance.now();
    this.#isDirty = false;
    try {
      await writeFileAtomically(this.#path, JSON.stringify(this.#state.snapshot()));
    } catch (error) {
      this.#isDirty = true;
      throw error;
    } finally {
      this.#lastWriteMs = performance.now() - start;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
