import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { CpuTime } from './report.ts';

/** What a process of clients is told: whom to connect, and where. */
export interface ClientTask {
  readonly ports: { readonly amqp: number; readonly mqtt: number; readonly https: number };
  readonly certificateAuthorityPem: string;
  readonly connectionStrings: readonly string[];
}

export interface Helper<P> {
  /** Settles when all are connected. */
  readonly connected: Promise<P>;
  cpu(): Promise<CpuTime>;
  stop(): Promise<void>;
}

interface HelperMessage<P> {
  readonly connected: P;
  readonly cpu: CpuTime;
}

/** Starts a process of clients, so that the hub, the back end and the devices can each have a core. */
export function startHelper<P>(name: string, task: ClientTask): Helper<P> {
  const child = fork(path.join(import.meta.dirname, `${name}.ts`), { serialization: 'advanced' });
  const exited = once(child, 'exit');
  const next = async (): Promise<HelperMessage<P>> =>
    new Promise((resolve) => {
      child.once('message', (message: HelperMessage<P>) => resolve(message));
    });
  child.send(task);
  return {
    connected: next().then(({ connected }) => connected),
    async cpu() {
      child.send('cpu');
      return (await next()).cpu;
    },
    async stop() {
      child.kill();
      await exited;
    },
  };
}

/** The other side of startHelper. */
export async function serveHelper<P>(connect: (task: ClientTask) => Promise<P>): Promise<void> {
  process.on('disconnect', () => process.exit());
  const task = await new Promise<ClientTask>((resolve) => {
    process.once('message', (message: ClientTask) => resolve(message));
  });
  const connected = await connect(task);
  process.send?.({ connected });
  process.on('message', () => process.send?.({ cpu: process.cpuUsage() }));
}
