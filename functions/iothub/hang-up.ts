import { once } from 'node:events';
import type { Socket } from 'node:net';
import { within } from './within.ts';

/** Ends a connection in good form; a peer that does not play along is cut off. */
export async function hangUp(
  socket: Socket | undefined,
  sayGoodbye: () => void,
  timeoutMs: number,
): Promise<void> {
  if (!socket || socket.destroyed) return;
  const closed = once(socket, 'close');
  sayGoodbye();
  try {
    await within(timeoutMs, 'Closing the connection to the hub', closed);
  } catch (error) {
    cutOff(socket, error);
  }
}

/** With an error: rhea listens to 'error' and 'end' only, and would not notice a silent end. */
export function cutOff(socket: Socket | undefined, reason: unknown): void {
  socket?.destroy(new Error('The connection to the hub was cut off', { cause: reason }));
}
