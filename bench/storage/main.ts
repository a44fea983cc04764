// Prints what the storage costs and gives: transactions per tracked message, transactions while idle, how fast a
// backlog of feedback is stored, and how long an outcome takes from the hub's batch to the reader.
import { setTimeout as sleep } from 'node:timers/promises';
import { Stack } from '../../test/support/stack.ts';
import { startCountingProxy } from './counting-proxy.ts';
import type { CountingProxy } from './counting-proxy.ts';
import { completeAll, devicesWithBacklog, inFlight, percentile, sum } from './workload.ts';

const DEVICES = 50;
const IN_FLIGHT = 200;
const MESSAGES = 2_000;
const BACKLOG = 2_000;
const IDLE_MS = 30_000;
/** Messages that only begin the activity: the first of all wakes the drain, a second later. */
const WARM_UP = 40;
const WATCHED = 400;
const FEEDBACK_INTERVAL_MS = 1_000;

/** A stack whose storage requests are counted. */
async function start(
  deviceCount: number,
  feedback: { intervalMs: number; maxLockedBatches?: number },
): Promise<{ stack: Stack; proxy: CountingProxy; devices: string[] }> {
  const devices = Array.from({ length: deviceCount }, (_, index) => `device-${index}`);
  let proxy: CountingProxy | undefined;
  const stack = await Stack.start({
    hub: {
      settings: { feedback },
      devices: devices.map((deviceId) => ({ deviceId })),
    },
    storageInMemory: true,
    // As host.json has it: the tests look for queue messages more often.
    settings: { AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:01' },
    storageFor: async (connectionString) => {
      proxy = await startCountingProxy(connectionString);
      return proxy.connectionString;
    },
  });
  if (!proxy) throw new Error('the stack has started without its storage');
  return { stack, proxy, devices };
}

const settled = ({ hub }: Stack): boolean => sum(hub.state.feedback.counts()) === 0;

async function untilSettled(stack: Stack): Promise<void> {
  while (!settled(stack)) await sleep(20);
}

function print(title: string, value: string): void {
  console.log(`${title.padEnd(64)} ${value.padStart(12)}`);
}

async function transactionsPerMessage(mode: 'sent' | 'queued'): Promise<void> {
  const { stack, proxy, devices } = await start(DEVICES, { intervalMs: FEEDBACK_INTERVAL_MS });
  try {
    const query = mode === 'queued' ? '?dispatch=queued' : '';
    const send = async (index: number): Promise<void> => {
      const deviceId = devices[index % DEVICES] ?? '';
      const { status, body } = await stack.call(
        'POST',
        `/api/devices/${deviceId}/messages${query}`,
        {
          json: { messageId: `m-${index}`, body: { setPoint: index } },
        },
      );
      if (status !== 202)
        throw new Error(`${status}: ${String(body['detail'])}\n${stack.app.output().slice(-3000)}`);
    };
    const playing = setInterval(() => completeAll(stack, devices), 10);
    await inFlight(IN_FLIGHT, IN_FLIGHT, async (index) => send(MESSAGES + index));
    await untilSettled(stack);
    proxy.take();

    const startedAt = performance.now();
    await inFlight(MESSAGES, IN_FLIGHT, send);
    const sentAt = performance.now();
    // Past the proxy: this is not counted.
    while ((await devicesWithBacklog(stack.storage.connectionString)) > 0) await sleep(200);
    while (devices.some((id) => stack.hub.state.cloudToDevice.count(id) > 0)) await sleep(20);
    await untilSettled(stack);
    clearInterval(playing);
    const { ours, hosts } = proxy.take();
    const rate = MESSAGES / ((sentAt - startedAt) / 1000);
    console.log(
      `\n${MESSAGES} messages ${mode}, ${IN_FLIGHT} in flight, ${DEVICES} devices, ${rate.toFixed(0)} sends/s`,
    );
    for (const [name, count] of Object.entries(ours)) {
      print(`  ${name}`, (count / MESSAGES).toFixed(3));
    }
    print('storage transactions per message, by the app', (sum(ours) / MESSAGES).toFixed(2));
    print('by the host', (sum(hosts) / MESSAGES).toFixed(2));
    if (mode === 'sent') await idle(proxy);
  } finally {
    await stack.stop();
    await proxy.stop();
  }
}

async function idle(proxy: CountingProxy): Promise<void> {
  // The last wake-up finds nothing open, and none follows.
  await sleep(20_000);
  proxy.take();
  await sleep(IDLE_MS);
  const { ours, hosts } = proxy.take();
  console.log(`\nidle for ${IDLE_MS / 1000} s`);
  for (const [name, count] of Object.entries(ours)) print(`  ${name}`, String(count));
  print('storage transactions by the app', String(sum(ours)));
  print('by the host', String(sum(hosts)));
}

async function drainRate(maxLockedBatches: number): Promise<void> {
  const devices = BACKLOG / 50;
  const {
    stack,
    proxy,
    devices: ids,
  } = await start(devices, {
    intervalMs: FEEDBACK_INTERVAL_MS,
    maxLockedBatches,
  });
  try {
    await inFlight(BACKLOG, IN_FLIGHT, async (index) => {
      const deviceId = ids[index % devices] ?? '';
      await stack.call('POST', `/api/devices/${deviceId}/messages`, { json: {} });
    });
    proxy.take();
    const queue = stack.hub.state.feedback;
    completeAll(stack, ids);
    const left = (): number => queue.inspect().batches.length;
    const all = left();
    while (left() === all) await sleep(1);
    const startedAt = performance.now();
    await untilSettled(stack);
    const seconds = (performance.now() - startedAt) / 1000;
    const { ours } = proxy.take();
    print(
      `outcomes stored per second, 64 a batch, ${maxLockedBatches} at a time`,
      ((BACKLOG - 64) / seconds).toFixed(0),
    );
    print('  storage transactions per outcome', (sum(ours) / BACKLOG).toFixed(2));
  } finally {
    await stack.stop();
    await proxy.stop();
  }
}

async function releaseToVisible(): Promise<void> {
  const { stack, proxy, devices } = await start(DEVICES, { intervalMs: FEEDBACK_INTERVAL_MS });
  try {
    const released = new Map<string, number>();
    const { feedback } = stack.hub.state;
    const note = (): void => {
      for (const { records } of feedback.inspect().batches) {
        for (const { originalMessageId: id } of records) {
          if (!released.has(id)) released.set(id, performance.now());
        }
      }
    };
    feedback.onAvailable(note);
    const playing = setInterval(() => completeAll(stack, devices), 5);
    const latencies: number[] = [];
    await inFlight(WARM_UP + WATCHED, 20, async (index) => {
      const deviceId = devices[index % DEVICES] ?? '';
      const messageId = `m-${index}`;
      const route = `/api/devices/${deviceId}/messages`;
      await stack.call('POST', route, { json: { messageId } });
      for (;;) {
        const { body } = await stack.call('GET', `${route}/${messageId}`);
        if (body['final'] === true) break;
        await sleep(20);
      }
      const at = released.get(messageId);
      if (at !== undefined && index >= WARM_UP) latencies.push(performance.now() - at);
    });
    clearInterval(playing);
    console.log(
      `\nfrom the hub's batch to the reader, ${latencies.length} messages, sends under way`,
    );
    print('p50 ms', percentile(latencies, 0.5).toFixed(0));
    print('p95 ms', percentile(latencies, 0.95).toFixed(0));
  } finally {
    await stack.stop();
    await proxy.stop();
  }
}

console.log(
  `Node ${process.version}; the hub makes a batch of feedback every ${FEEDBACK_INTERVAL_MS} ms, or of 64`,
);
const parts: Record<string, () => Promise<void>> = {
  sent: async () => transactionsPerMessage('sent'),
  queued: async () => transactionsPerMessage('queued'),
  drain: async () => {
    console.log(`\na backlog of ${BACKLOG} outcomes`);
    await drainRate(1);
    await drainRate(32);
  },
  visible: releaseToVisible,
};
const wanted = process.argv.slice(2);
for (const [name, run] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
