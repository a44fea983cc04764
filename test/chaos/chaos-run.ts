import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { MessageStatus } from '../../functions/messages/message.ts';
import { issue } from './caller.ts';
import type { Issued } from './caller.ts';
import { commandOf, DEVICE_IDS } from './command.ts';
import { faultSchedule } from './fault-schedule.ts';
import type { FaultKind, ScheduledFault } from './fault-schedule.ts';
import { FieldDevice } from './field-device.ts';
import { strike } from './strike.ts';
import { FEEDBACK_TTL_SECONDS, LOCK_MS, SystemUnderTest } from './system-under-test.ts';
import { verdictOn } from './verdict.ts';
import type { FinalRecord, Verdict } from './verdict.ts';

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

export interface ChaosReport {
  readonly commands: number;
  readonly seconds: number;
  readonly struck: ReadonlyMap<FaultKind, number>;
  readonly statuses: ReadonlyMap<MessageStatus | 'not recorded', number>;
  readonly verdicts: readonly { readonly messageId: string; readonly verdict: Verdict }[];
  readonly unexpectedAnswers: ReadonlyMap<string, number>;
  /** From creation to the last change, of what the hub reported on; in milliseconds, in order. */
  readonly timesToFinalMs: readonly number[];
}

interface Recorded extends FinalRecord {
  readonly messageId: string;
  readonly tookMs: number;
}

const SETTLE_MS = 180_000;
const SWEEP_MS = 60_000;
/** Beyond every expiry, the time that feedback is kept and the sweep's margin. */
const PAST_EVERYTHING_MS = (3_600 + FEEDBACK_TTL_SECONDS + 1_800) * 1_000;

/** Sends all commands while the scheduled faults strike, lets everything heal, and judges every record by the hub's own history. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, commands, onProgress } = options;
  const system = await SystemUnderTest.start({
    deviceIds: DEVICE_IDS,
    ...(options.appRoot !== undefined && { appRoot: options.appRoot }),
  });
  const devices = DEVICE_IDS.map(
    (deviceId) =>
      new FieldDevice({
        deviceId,
        seed,
        connectionString: system.hub.deviceConnectionString(deviceId),
      }),
  );
  try {
    for (const device of devices) device.comeOnline();
    const startedAt = Date.now();
    const { issued, struck } = await fight({ system, devices }, options);
    const seconds = (Date.now() - startedAt) / 1000;
    onProgress(`${commands} commands sent in ${seconds.toFixed(0)} s; everything heals`);
    await heal(system, devices);
    await settle(system, onProgress);
    const records = await finalRecords(system);
    return report({ issued, struck, seconds, records, system, seed });
  } finally {
    await Promise.all(devices.map(async (device) => device.vanish()));
    await system.stop();
  }
}

async function fight(
  field: { system: SystemUnderTest; devices: readonly FieldDevice[] },
  options: ChaosOptions,
): Promise<{ issued: Issued[]; struck: Map<FaultKind, number> }> {
  const { seed, commands, callers, onProgress } = options;
  const due = faultSchedule(options);
  const struck = new Map<FaultKind, number>();
  const strikes: Promise<void>[] = [];
  // One after the other among those that take a part away: two restarts of one part would meet.
  const busy = new Map<string, Promise<void>>();
  const setOff = (fault: ScheduledFault) => {
    struck.set(fault.kind, (struck.get(fault.kind) ?? 0) + 1);
    const [part = ''] = fault.kind.split(':');
    const striking = (busy.get(part) ?? Promise.resolve()).then(async () => strike(field, fault));
    busy.set(part, striking);
    strikes.push(striking);
  };
  let done = 0;
  const issued = await pMap(
    Array.from({ length: commands }, (_, number) => number),
    async (number) => {
      while (due[0] && due[0].afterCommand <= number) {
        const fault = due.shift();
        if (fault) setOff(fault);
      }
      const result = await issue(field.system, commandOf(seed, number));
      done++;
      if (done % 1_000 === 0) onProgress(`${done} of ${commands} commands`);
      return result;
    },
    { concurrency: callers },
  );
  for (const fault of due) setOff(fault);
  await Promise.all(strikes);
  return { issued, struck };
}

async function heal(system: SystemUnderTest, devices: readonly FieldDevice[]): Promise<void> {
  system.hub.faults.clear();
  for (const device of devices) device.comeOnline();
  await waitFor('all devices are back', () => devices.every(({ isOnline }) => isOnline));
}

/** Until every message has left the hub, all feedback is read, and nothing is open that could still be answered. */
async function settle(system: SystemUnderTest, onProgress: (line: string) => void): Promise<void> {
  const queued = () =>
    DEVICE_IDS.reduce((sum, id) => sum + system.hub.state.cloudToDevice.count(id), 0);
  const unread = () => {
    const { pendingRecords, waitingBatches, lockedBatches } = system.hub.state.feedback.counts();
    return pendingRecords + waitingBatches + lockedBatches;
  };
  await waitFor('the devices have settled everything', async () => {
    if (queued() === 0) return true;
    await sleep(LOCK_MS / 2);
    onProgress(`${queued()} messages still at the hub`);
    return false;
  });
  await waitFor('all feedback is read', async () => {
    if (unread() === 0) return true;
    await watchMessages(system);
    await sleep(500);
    onProgress(`${unread()} records or batches of feedback still at the hub`);
    return false;
  });
  // What the hub was not asked to report stays open until nothing can be reported any more.
  await system.killApp(0, PAST_EVERYTHING_MS);
}

/** The records once nothing is open any more; as they are, if something stays open. */
async function finalRecords(system: SystemUnderTest): Promise<Map<string, Recorded>> {
  const deadline = Date.now() + SWEEP_MS;
  for (;;) {
    await watchMessages(system);
    const records = await readRecords(system);
    const isOver = [...records.values()].every(({ final }) => final);
    if (isOver || Date.now() > deadline) return records;
    await sleep(1_000);
  }
}

/** What the timer does every five minutes. */
async function watchMessages(system: SystemUnderTest): Promise<void> {
  await system.call('POST', '/admin/functions/watchMessages', { json: {}, instance: 0 });
}

async function readRecords(system: SystemUnderTest): Promise<Map<string, Recorded>> {
  const records = new Map<string, Recorded>();
  for (const deviceId of DEVICE_IDS) {
    let continuationToken: unknown;
    do {
      const query =
        typeof continuationToken === 'string'
          ? `&continuationToken=${encodeURIComponent(continuationToken)}`
          : '';
      const answer = await system.call(
        'GET',
        `/api/devices/${deviceId}/messages?limit=200${query}`,
        { instance: 0 },
      );
      if (answer?.status !== 200) throw new Error(`reading the records: ${answer?.status}`);
      for (const item of answer.body['items'] as Resource[]) {
        records.set(item.messageId, recordedFrom(item));
      }
      continuationToken = answer.body['continuationToken'];
    } while (continuationToken !== undefined && continuationToken !== null);
  }
  return records;
}

interface Resource {
  readonly messageId: string;
  readonly status: MessageStatus;
  readonly final: boolean;
  readonly attempt: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly history: readonly { readonly detail?: string }[];
}

function recordedFrom(item: Resource): Recorded {
  const { messageId, status, final, attempt, createdAt, updatedAt, history } = item;
  return {
    messageId,
    status,
    final,
    attempt,
    details: history.flatMap(({ detail }) => detail ?? []),
    tookMs: Date.parse(updatedAt) - Date.parse(createdAt),
  };
}

function report(outcome: {
  issued: readonly Issued[];
  struck: Map<FaultKind, number>;
  seconds: number;
  records: Map<string, Recorded>;
  system: SystemUnderTest;
  seed: number;
}): ChaosReport {
  const { issued, struck, seconds, records, system, seed } = outcome;
  const statuses = new Map<MessageStatus | 'not recorded', number>();
  const unexpectedAnswers = new Map<string, number>();
  const verdicts = issued.map((told, number) => {
    const command = commandOf(seed, number);
    const { messageId } = command;
    const record = records.get(messageId);
    count(statuses, record?.status ?? 'not recorded');
    for (const answer of told.unexpected) count(unexpectedAnswers, answer);
    const copies = system.truth.copiesOf(messageId);
    return { messageId, verdict: verdictOn(command, told, record, copies) };
  });
  const timesToFinalMs = [...records.values()]
    .filter(({ status }) => REPORTED.has(status))
    .map(({ tookMs }) => tookMs)
    .toSorted((a, b) => a - b);
  return {
    commands: issued.length,
    seconds,
    struck,
    statuses,
    verdicts,
    unexpectedAnswers,
    timesToFinalMs,
  };
}

const REPORTED: ReadonlySet<MessageStatus> = new Set([
  'delivered',
  'rejected',
  'expired',
  'deliveryCountExceeded',
]);

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

async function waitFor(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + SETTLE_MS;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not within ${SETTLE_MS / 1000} s: ${what}`);
    await sleep(100);
  }
}
