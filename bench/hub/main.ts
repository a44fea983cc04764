import { mapPorts } from '@downlink/simulator';
import { startHubProcess, type HubProcess } from '../../test/support/hub-process/hub-process.ts';
import { startHelper, type ClientTask } from './helper-process.ts';
import type { Connected } from './lean-devices.ts';
import { MESSAGE_HEAD, runMessages } from './messages.ts';
import { METHOD_HEAD, runMethods } from './methods.ts';
import { cpuMicroseconds, describeMachine, printTable } from './report.ts';

const SDK_DEVICES = 50;
const DURATION_MS = 8_000;
const HELD_DEVICES = 15_000;
const IDLE_DEVICES = 100_000;
const EXPIRED_MESSAGES = 1_000_000;
/** As fast as feedback can come: a batch every millisecond, many with the back end at once. */
const SETTINGS = { feedback: { intervalMs: 1, maxLockedBatches: 100 } };

const SCENARIOS: Record<string, () => Promise<void>> = {
  messages: async () => withHub(async (hub) => void (await messages(hub))),
  methods: async () => withHub(async (hub) => void (await methods(hub))),
  connections,
  ballast,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(
    `No scenario ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}`,
  );
  process.exit(1);
}
console.log(describeMachine());
console.log(
  `Back end: azure-iothub for messages, plain HTTPS requests for methods. Devices: ${SDK_DEVICES} of azure-iot-device-mqtt.
Hub, back end and devices are a process each; CPU is user and system time per message or call.`,
);
for (const name of wanted.length > 0 ? wanted : Object.keys(SCENARIOS)) await SCENARIOS[name]?.();

async function withHub(run: (hub: HubProcess) => Promise<void>): Promise<void> {
  const profile = process.env['BENCH_CPU_PROFILE'];
  const nodeOptions = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const hub = await startHubProcess({ settings: SETTINGS }, { nodeOptions });
  const unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { 5671: hub.ports.amqp, 8883: hub.ports.mqtt, 443: hub.ports.https },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
  try {
    await run(hub);
  } finally {
    unmapPorts();
    await hub.stop();
  }
}

function taskOf(
  { ports, certificateAuthorityPem }: HubProcess,
  connectionStrings: readonly string[],
): ClientTask {
  return { ports, certificateAuthorityPem, connectionStrings };
}

async function withSdkDevices<T>(
  hub: HubProcess,
  run: (devices: ReturnType<typeof startHelper>, ids: readonly string[]) => Promise<T>,
): Promise<T> {
  const ids = Array.from({ length: SDK_DEVICES }, (_, ordinal) => `sdk-${ordinal}`);
  const connectionStrings = await hub.ask('devices', ids);
  const devices = startHelper('sdk-devices', taskOf(hub, connectionStrings));
  try {
    await devices.connected;
    return await run(devices, ids);
  } finally {
    await devices.stop();
  }
}

async function messages(hub: HubProcess, where = ''): Promise<number> {
  return withSdkDevices(hub, async (devices, ids) => {
    const { rows, perSecond } = await runMessages(hub, devices, ids, [
      { label: `sequential${where}`, inFlight: 1, durationMs: DURATION_MS / 2 },
      { label: `200 in flight${where}`, inFlight: 200, durationMs: DURATION_MS },
    ]);
    printTable('Messages', MESSAGE_HEAD, rows);
    return perSecond[1] ?? NaN;
  });
}

async function methods(hub: HubProcess, where = ''): Promise<number> {
  return withSdkDevices(hub, async (devices, ids) => {
    const run = { label: `50 in flight${where}`, inFlight: 50, durationMs: DURATION_MS };
    const { row, perSecond } = await runMethods(hub, devices, ids, run);
    printTable('Methods', METHOD_HEAD, [row]);
    return perSecond;
  });
}

async function connections(): Promise<void> {
  await withHub(async (hub) => {
    const ids = Array.from({ length: HELD_DEVICES }, (_, ordinal) => `lean-${ordinal}`);
    const connectionStrings = await hub.ask('devices', ids);
    const before = await hub.ask('memory');
    const cpuBefore = await hub.ask('cpu');
    const devices = startHelper<Connected>('lean-devices', taskOf(hub, connectionStrings));
    const { failed, elapsedMs } = await devices.connected;
    const cpuAfter = await hub.ask('cpu');
    const after = await hub.ask('memory');
    const held = HELD_DEVICES - failed;
    const kib = (bytes: number): string => (bytes / 1024 / held).toFixed(1);
    printTable(
      'Lean MQTT devices, held',
      ['devices', 'failed', 'per second', 'resident KiB each', 'heap KiB each', 'hub CPU µs each'],
      [
        [
          held,
          failed,
          (held / (elapsedMs / 1000)).toFixed(0),
          kib(after.rssBytes - before.rssBytes),
          kib(after.heapBytes - before.heapBytes),
          (cpuMicroseconds(cpuBefore, cpuAfter) / held).toFixed(0),
        ],
      ],
    );
    await devices.stop();
  });
}

/** The same work on an empty hub and on one where much lies about. */
async function ballast(): Promise<void> {
  await withHub(async (hub) => {
    const empty = [await messages(hub), await methods(hub)];
    await hub.ask('leaveBehind', { devices: IDLE_DEVICES, messages: EXPIRED_MESSAGES });
    const where = ', much behind';
    const full = [await messages(hub, where), await methods(hub, where)];
    printTable(
      `Behind them ${IDLE_DEVICES} devices, ${EXPIRED_MESSAGES} expired messages`,
      ['rate, with to without', 'ratio'],
      ['messages', 'methods'].map((name, place) => [
        name,
        ((full[place] ?? NaN) / (empty[place] ?? NaN)).toFixed(2),
      ]),
    );
  });
}
