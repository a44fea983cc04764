import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { issue } from './caller.ts';
import type { Issued } from './caller.ts';
import { chaosReport } from './chaos-report.ts';
import type { ChaosReport } from './chaos-report.ts';
import { commandOf, DEVICE_IDS } from './command.ts';
import { faultSchedule } from './fault-schedule.ts';
import type { FaultKind, ScheduledFault } from './fault-schedule.ts';
import { FieldDevice } from './field-device.ts';
import { countWaiting, readRecords } from './records.ts';
import type { Records } from './records.ts';
import { strike } from './strike.ts';
import { FEEDBACK_TTL_SECONDS, SystemUnderTest } from './system-under-test.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly commands: number;
  readonly kills: number;
  readonly faults: number;
  /** Requests under way at once. */
  readonly callers: number;
  readonly appRoot?: string;
  readonly onProgress: (line: string) => void;
}

/** How long what is left may take to come to rest once nothing strikes any more. */
const SETTLE_MS = 300_000;
const SWEEP_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
/** Beyond every expiry, the time that feedback is kept and the sweep's margin. */
const PAST_EVERYTHING_MS = (3_600 + FEEDBACK_TTL_SECONDS + 1_800) * 1_000;

interface Field {
  readonly system: SystemUnderTest;
  readonly devices: readonly FieldDevice[];
}

/** Issues all commands while the scheduled faults strike, lets everything heal, and judges every record. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, commands, appRoot, onProgress } = options;
  const system = await SystemUnderTest.start({
    deviceIds: DEVICE_IDS,
    ...(appRoot !== undefined && { appRoot }),
  });
  const ran = new Map<number, number>();
  const devices = DEVICE_IDS.map((deviceId) => {
    const connectionString = system.hub.deviceConnectionString(deviceId);
    return new FieldDevice({ deviceId, connectionString, seed, ran });
  });
  const field = { system, devices };
  try {
    for (const device of devices) device.comeOnline();
    const startedAt = Date.now();
    const { issued, struck } = await fight(field, options);
    const seconds = (Date.now() - startedAt) / 1000;
    onProgress(`${commands} commands issued in ${seconds.toFixed(0)} s; everything heals`);
    await heal(field);
    await settle(system, onProgress);
    const records = await finalRecords(system);
    return chaosReport({ seed, seconds, struck, issued, records, truth: system.truth, ran });
  } finally {
    await Promise.all(devices.map(async (device) => device.vanish()));
    await system.stop();
  }
}

async function fight(
  field: Field,
  options: ChaosOptions,
): Promise<{ issued: Issued[]; struck: Map<FaultKind, number> }> {
  const { seed, commands, callers, onProgress } = options;
  const due = faultSchedule(options);
  const struck = new Map<FaultKind, number>();
  // One after the other for each part: two restarts of one would meet.
  const striking = new Map<string, Promise<void>>();
  const setOff = (fault: ScheduledFault) => {
    struck.set(fault.kind, (struck.get(fault.kind) ?? 0) + 1);
    const [part = ''] = fault.kind.split(':');
    const before = striking.get(part) ?? Promise.resolve();
    striking.set(
      part,
      before.then(async () => strike(field, fault)),
    );
  };
  let done = 0;
  const issued = await pMap(
    Array.from({ length: commands }, (_, number) => number),
    async (number) => {
      for (; due[0] && due[0].afterCommand <= number; due.shift()) setOff(due[0]);
      const result = await issue(field.system, commandOf(seed, number));
      done++;
      if (done % 1_000 === 0) onProgress(`${done} of ${commands} commands`);
      return result;
    },
    { concurrency: callers },
  );
  await Promise.all(striking.values());
  return { issued, struck };
}

async function heal({ system, devices }: Field): Promise<void> {
  system.hub.faults.clear();
  for (const device of devices) device.comeOnline();
  await waitFor(async () => {
    const away = devices.filter(({ isOnline }) => !isOnline).map(({ deviceId }) => deviceId);
    return away.length === 0 ? undefined : `these devices are away: ${away.join(', ')}`;
  });
}

/** Until everything is handed over, has left the hub, and is reported and read. */
async function settle(system: SystemUnderTest, onProgress: (line: string) => void): Promise<void> {
  await waitFor(async () => {
    await runTimers(system);
    const waiting = await countWaiting(system);
    const { cloudToDevice, feedback } = system.hub.state;
    const queued = DEVICE_IDS.reduce((sum, id) => sum + cloudToDevice.count(id), 0);
    const { pendingRecords, waitingBatches, lockedBatches } = feedback.counts();
    const unread = pendingRecords + waitingBatches + lockedBatches;
    if (waiting + queued + unread === 0) return undefined;
    const left = `${waiting} commands wait, ${queued} messages are at the hub, ${unread} feedback records or batches`;
    onProgress(left);
    return left;
  });
  // What the hub was not asked to report stays open until nothing can be reported any more.
  await system.killApp(0, PAST_EVERYTHING_MS);
}

/** The records once nothing is open any more; as they are, if something stays open. */
async function finalRecords(system: SystemUnderTest): Promise<Records> {
  const deadline = Date.now() + SWEEP_MS;
  for (;;) {
    await runTimers(system);
    const records = await readRecords(system);
    const isOver = [...records.messages.values(), ...records.invocations.values()].every(
      ({ final }) => final,
    );
    if (isOver || Date.now() > deadline) return records;
    await sleep(LOOK_EVERY_MS);
  }
}

/** What would happen by itself every few minutes. */
async function runTimers(system: SystemUnderTest): Promise<void> {
  for (const timer of ['watchMessages', 'watchInvocations']) {
    await system.call('POST', `/admin/functions/${timer}`, { json: {}, instance: 0 });
  }
}

/** `look` says what is still missing. */
async function waitFor(look: () => Promise<string | undefined>): Promise<void> {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (Date.now() > deadline) throw new Error(`after ${SETTLE_MS / 1000} s ${missing}`);
    await sleep(LOOK_EVERY_MS);
  }
}
