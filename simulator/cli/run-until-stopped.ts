import { Interruption } from './parts/interruption.ts';
import { PartEndedError, Parts } from './parts/parts.ts';
import { onStopRequest } from './parts/stop-requests.ts';

class StopRequestedError extends Error {
  override readonly name = 'StopRequestedError';
}

/** A library's forgotten timer must not keep a stopped command alive for longer than this. */
const END_TIMEOUT_MS = 1_000;

/**
 * Starts parts, then waits. However it ends (asked to, a part died, the start failed), everything
 * that was started is stopped. Answers the exit code.
 */
export async function runUntilStopped(start: (parts: Parts) => Promise<void>): Promise<number> {
  const interruption = new Interruption();
  const parts = new Parts(interruption);
  onStopRequest((reason) => interruption.interrupt(new StopRequestedError(reason)));
  process.on('uncaughtException', (error) => {
    console.error(error);
    interruption.interrupt(new PartEndedError('Something failed that nobody waited for'));
  });
  try {
    await interruption.orInterrupted(start(parts));
    return await interruption.untilInterrupted();
  } catch (error) {
    return exitCodeOf(error);
  } finally {
    await parts.stop();
    setTimeout(() => process.exit(), END_TIMEOUT_MS).unref();
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof StopRequestedError) {
    console.log(`Stopping (${error.message}).`);
    return 0;
  }
  if (error instanceof PartEndedError) {
    console.error(`${error.message}; stopping everything else.`);
    return 1;
  }
  throw error;
}
