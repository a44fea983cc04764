import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind, ScheduledFault } from './fault-schedule.ts';
import type { FieldDevice } from './field-device.ts';
import { CLOCKS_DIFFER_MS } from './system-under-test.ts';
import type { SystemUnderTest } from './system-under-test.ts';

interface Battlefield {
  readonly system: SystemUnderTest;
  readonly devices: readonly FieldDevice[];
}

type Strike = (field: Battlefield, fault: ScheduledFault) => Promise<void> | void;

const STRIKES: Readonly<Record<FaultKind, Strike>> = {
  'app: killed': async ({ system }, { strength, target }) => {
    await system.killApp(target < 0.5 ? 0 : 1, Math.round((strength - 0.5) * CLOCKS_DIFFER_MS));
  },
  'hub: connections cut': ({ system: { hub } }, { target }) => {
    (target < 0.5 ? hub.amqp : hub.mqtt).dropConnections();
  },
  'hub: connections closed': ({ system: { hub } }) => {
    hub.amqp.closeConnections({ condition: 'amqp:connection:forced', description: 'maintenance' });
  },
  'hub: links detached': ({ system: { hub } }, { target }) => {
    const link = target < 0.5 ? '/messages/devicebound' : '/messages/servicebound/feedback';
    hub.amqp.detachLinks(link, 'amqp:link:detach-forced');
  },
  'hub: restarted': async ({ system }) => system.restartHub(),
  'hub: sends get no answer': ({ system: { hub } }, { strength }) => {
    hub.faults.add('amqp-send', { kind: 'no-answer' }, upTo(5, strength));
  },
  'hub: sends taken, no answer': ({ system: { hub } }, { strength }) => {
    hub.faults.add('amqp-send', { kind: 'accept-then-no-answer' }, upTo(5, strength));
  },
  'hub: connection cut at a send': ({ system: { hub } }, { strength }) => {
    hub.faults.add('amqp-send', { kind: 'drop-connection' }, upTo(2, strength));
  },
  'hub: throttled': ({ system: { hub } }, { strength }) => {
    const condition = 'com.microsoft:device-container-throttled';
    hub.faults.add('amqp-send', { kind: 'error', condition }, upTo(20, strength));
  },
  'hub: slow': ({ system: { hub } }, { strength, target }) => {
    const ms = Math.round(2_000 * strength);
    hub.faults.add('amqp-send', { kind: 'delay', ms }, upTo(20, target));
  },
  'hub: tokens refused': ({ system: { hub } }, { strength }) => {
    hub.faults.add('amqp-put-token', { kind: 'error', httpStatus: 500 }, upTo(2, strength));
    hub.amqp.dropConnections();
  },
  'hub: links refused': ({ system: { hub } }, { strength }) => {
    const condition = 'amqp:internal-error';
    hub.faults.add('amqp-attach', { kind: 'error', condition }, upTo(3, strength));
    hub.amqp.dropConnections();
  },
  'hub: clock jumps ahead': ({ system: { hub } }, { strength }) => {
    hub.clock.advance(Math.round(5_000 * strength));
  },
  'hub: REST calls fail': ({ system: { hub } }, { strength, target }) => {
    const [httpStatus, code] = target < 0.5 ? [429, 429_001] : [503, 503_001];
    hub.faults.add('https-request', { kind: 'error', httpStatus, code }, upTo(5, strength));
  },
  'hub: feedback repeated': ({ system: { hub } }, { strength }) => {
    hub.faults.add('feedback-batch', { kind: 'duplicate' }, upTo(3, strength));
  },
  'hub: feedback late': ({ system: { hub } }, { strength, target }) => {
    const ms = Math.round(5_000 * strength);
    hub.faults.add('feedback-record', { kind: 'delay', ms }, upTo(10, target));
  },
  'hub: feedback in disorder': ({ system: { hub } }, { strength }) => {
    hub.faults.add('feedback-batch', { kind: 'reorder' }, upTo(3, strength));
  },
  'storage: tables away': async ({ system: { storage } }, { strength }) => {
    await storage.table.goAway();
    await sleep(100 + 1_400 * strength);
    await storage.table.comeBack();
  },
  'storage: queues away': async ({ system: { storage } }, { strength }) => {
    await storage.queue.goAway();
    await sleep(100 + 1_400 * strength);
    await storage.queue.comeBack();
  },
  'devices: vanish and come back': async ({ devices }, { strength, target }) => {
    const first = Math.floor(target * devices.length);
    const gone = devices.slice(first, first + upTo(5, strength));
    await Promise.all(gone.map(async (device) => device.vanish()));
    await sleep(1_000 * strength);
    for (const device of gone) device.comeOnline();
  },
  'devices: answers to methods lost': ({ system: { hub } }, { strength }) => {
    hub.faults.add('method-answer', { kind: 'drop-connection' }, upTo(3, strength));
  },
};

export async function strike(field: Battlefield, fault: ScheduledFault): Promise<void> {
  await STRIKES[fault.kind](field, fault);
}

function upTo(most: number, strength: number): number {
  return 1 + Math.floor(strength * most);
}
