import type { ErrorEffect, ErrorTexts, FaultEffect } from './fault-effect.ts';

/** What a head was about to do when the fault came. */
export interface Work {
  /** All of it, with its answer. */
  readonly run: () => void;
  /** All but the answer; as `run` where there is none. */
  readonly runUnanswered?: () => void;
  /** Nothing of it, but for what must be tidied up all the same. */
  readonly skip?: () => void;
  /** Absent where nobody hears of an error. */
  readonly refuse?: (error: ErrorEffect) => void;
}

/** The connection that the work came by. */
export interface FaultyConnection {
  /** Runs unless the connection is over by then. */
  schedule(delayMs: number, run: () => void): void;
  /** Cuts it. */
  drop(): void;
  /** Ends it in good order. */
  closeWith(error: ErrorTexts): void;
}

export function workUnderFault(
  effect: FaultEffect,
  connection: FaultyConnection,
  { run, runUnanswered = run, skip, refuse }: Work,
): void {
  switch (effect.kind) {
    case 'no-answer':
      skip?.();
      break;
    case 'accept-then-no-answer':
      runUnanswered();
      break;
    case 'delay':
      connection.schedule(effect.ms, run);
      break;
    case 'drop-connection':
      connection.drop();
      break;
    case 'accept-then-drop-connection':
      runUnanswered();
      connection.drop();
      break;
    case 'close-connection':
      connection.closeWith(effect);
      break;
    case 'error':
      refuse?.(effect);
      break;
    case 'detach-link':
    case 'lose':
    case 'duplicate':
    case 'reorder':
      // Not planned for any point that comes here: `EFFECTS_AT`.
      run();
  }
}
