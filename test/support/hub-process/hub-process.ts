import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { JournalEvent, SimulatedHubOptions } from '@downlink/simulator';

/** Both npm and jest start in the root; the benchmarks, which are bundled, lie elsewhere. */
const ENTRY_POINT = 'test/support/hub-process/main.js';

export interface HeldObjects {
  readonly tlsSockets: number;
  readonly sockets: number;
  readonly amqpConnections: number;
  readonly timers: number;
}

export interface HubMemory {
  /** Of the heap and of what buffers hold outside it, garbage aside. */
  readonly heapBytes: number;
  readonly rssBytes: number;
}

interface Requests {
  start(options: SimulatedHubOptions): {
    ports: { amqp: number; mqtt: number; https: number };
    /** AMQP and MQTT without TLS. */
    plainPorts: { amqp: number; mqtt: number };
    certificateAuthorityPem: string;
    connectionString: string;
  };
  devices(ids: readonly string[]): string[];
  isRegistered(deviceId: string): boolean;
  reset(devices: readonly { deviceId: string }[]): void;
  fill(request: {
    devices: readonly string[];
    count: number;
    message: { messageId?: string; body: Buffer; ack?: string; expiresAt?: number };
  }): void;
  leaveBehind(request: { devices: number; messages: number }): void;
  queued(deviceId: string): number;
  journal(filter: { deviceId?: string; messageId?: string }): JournalEvent[];
  problems(): string[];
  cpu(): NodeJS.CpuUsage;
  memory(): HubMemory;
  held(): HeldObjects;
  stop(): void;
}

type Argument<N extends keyof Requests> = Parameters<Requests[N]>;
type Result<N extends keyof Requests> = ReturnType<Requests[N]>;
interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A simulated hub in a process of its own. */
export async function startHubProcess(
  options: SimulatedHubOptions = {},
  { nodeOptions = [] as readonly string[] } = {},
) {
  const child = fork(path.resolve(ENTRY_POINT), {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning', ...nodeOptions],
    serialization: 'advanced',
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;
  const exited = once(child, 'exit');
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  child.on('exit', (code, signal) => {
    const error = `the hub's process ended: ${signal ?? code}`;
    for (const [id, answer] of waiting) answer({ id, error });
  });

  async function ask<N extends keyof Requests>(
    name: N,
    ...[argument]: Argument<N>
  ): Promise<Result<N>> {
    const id = ++lastId;
    const answer = await new Promise<Answer>((resolve) => {
      waiting.set(id, resolve);
      child.send({ id, name, argument }, (error) => {
        if (error) resolve({ id, error: error.message });
      });
    });
    waiting.delete(id);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result as Result<N>;
  }

  const started = await ask('start', options);

  return {
    ...started,
    ask,
    async stop(): Promise<void> {
      await ask('stop').catch(() => child.kill());
      await exited;
    },
  };
}

export type HubProcess = Awaited<ReturnType<typeof startHubProcess>>;
