import type { Server } from 'node:http';
import type { FunctionApp } from './core-module/function-app.ts';
import { describeError } from './host-error.ts';
import type { HostLog } from './host-log.ts';
import type { HttpFront } from './http/http-front.ts';
import type { Invocations } from './invocations.ts';
import type { Listener } from './listeners.ts';

// Both together stay below the 8 s that the command line gives its parts.
const DRAIN_LIMIT_MS = 5_000;
const TERMINATE_LIMIT_MS = 1_500;

export interface RunningParts {
  readonly app: FunctionApp;
  readonly invocations: Invocations;
  readonly front: HttpFront;
  readonly servers: readonly Server[];
  readonly listeners: Iterable<Listener>;
  readonly log: HostLog;
}

/** Takes nothing new, waits for what runs, up to a limit, and lets the app say goodbye. */
export async function shutDown(parts: RunningParts): Promise<void> {
  const { app, invocations, front, servers, listeners, log } = parts;
  front.close();
  const drained = Promise.all([
    ...servers.map(close),
    ...[...listeners].map(async (listener) => listener.stop()),
  ]);
  if (!(await settlesWithin(drained, DRAIN_LIMIT_MS))) {
    const names = invocations.running.join(', ') || 'a connection';
    log.write('warning', 'host', `did not wait any longer for ${names}`);
  }
  const terminated = app.terminate().catch((error: unknown) => {
    log.write('error', 'host', `an appTerminate hook failed: ${describeError(error)}`);
  });
  if (!(await settlesWithin(terminated, TERMINATE_LIMIT_MS))) {
    log.write('warning', 'host', 'did not wait any longer for the appTerminate hooks');
  }
  await closeNow(servers);
}

export async function closeNow(servers: readonly Server[]): Promise<void> {
  const closed = servers.map(close);
  for (const server of servers) server.closeAllConnections();
  await Promise.all(closed);
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}

async function settlesWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}
