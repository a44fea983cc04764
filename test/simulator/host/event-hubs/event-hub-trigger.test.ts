import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import type { NewDeviceEvent } from '../../../../simulator/hub/state/device-event.ts';
import {
  startStorageEmulatorProcess,
  type StorageEmulatorProcess,
} from '../../../support/storage-emulator.ts';
import { until } from '../../../support/until.ts';
import { startHost, writeApp, type HostProcess } from '../host-process.ts';

/** Says what it was given; the text of an event says what to do with it. */
const APP = `
import { app } from '@azure/functions';
const from = (consumerGroup) => ({ connection: 'EVENTS', eventHubName: 'in-the-connection-string', consumerGroup });
const say = (context, value) => context.log('GIVEN ' + JSON.stringify(value));
const act = async (body) => {
  if (body === 'fail') throw new Error('as asked');
  if (body === 'hang') await new Promise(() => {});
};
app.eventHub('many', {
  ...from('%GROUP%'), cardinality: 'many',
  handler: async (bodies, context) => {
    say(context, { many: bodies, ...context.triggerMetadata });
    for (const body of bodies) await act(body);
  },
});
app.eventHub('one', {
  ...from('single'), retry: { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: 1 },
  handler: async (body, context) => {
    say(context, { one: body, retry: context.retryContext?.retryCount, ...context.triggerMetadata });
    await act(body);
  },
});
`;

let hub: SimulatedHub;
let storage: StorageEmulatorProcess;
let appRoot: string;
let folder: string;
let host: HostProcess;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'downlink-test-'));
  [hub, storage, appRoot] = await Promise.all([
    startHub({
      devices: [{ deviceId: 'device-1' }],
      consumerGroups: ['batch', 'single'],
      settings: { events: { partitionCount: 1 } },
    }),
    startStorageEmulatorProcess(),
    writeApp({ 'index.js': APP }),
  ]);
  await writeFile(path.join(folder, 'ca.pem'), hub.certificateAuthorityPem);
  host = await start();
});

afterAll(async () => {
  await host.kill();
  await Promise.all([hub.stop(), storage.stop()]);
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<HostProcess> {
  return startHost(appRoot, {
    environment: {
      AzureWebJobsStorage: storage.connectionString,
      EVENTS: hub.eventHubConnectionString(),
      GROUP: 'batch',
      DOWNLINK_SIMULATED_HUB: JSON.stringify({
        hostName: hub.hostName,
        ports: { 5671: hub.ports.amqp },
        certificateAuthorityFile: path.join(folder, 'ca.pem'),
      }),
    },
  });
}

function send(text: string, changes: Partial<NewDeviceEvent> = {}): void {
  hub.state.events.append(
    { entityId: 'device-1' },
    { body: Buffer.from(text), properties: {}, ...changes },
  );
}

function given(kind: 'one' | 'many'): Record<string, unknown>[] {
  return [...host.output.matchAll(/GIVEN (\{.*\})/g)]
    .map(([, json = '']): Record<string, unknown> => JSON.parse(json))
    .filter((each) => kind in each);
}

async function untilGiven(kind: 'one' | 'many', value: unknown): Promise<void> {
  await until(`${kind} ${String(value)}`, () =>
    given(kind).some((each) => [each[kind]].flat().includes(value)),
  );
}

describe('An Event Hubs trigger', () => {
  test('hands over events with what is known of them, as Azure does', async () => {
    send('{"t":21}', {
      messageId: 'm-1',
      correlationId: 'c-1',
      contentType: 'application/json',
      properties: { 'downlink-receipt': 'ok' },
    });
    await until('both', () => given('many').length > 0 && given('one').length > 0);

    const system = {
      'message-id': 'm-1',
      'correlation-id': 'c-1',
      'content-type': 'application/json',
      'iothub-connection-device-id': 'device-1',
      'iothub-message-source': 'Telemetry',
      sequenceNumber: 0,
      offset: '0',
    };
    const partitionContext = {
      fullyQualifiedNamespace: 'localhost',
      eventHubName: 'iothub-ehub-localhost',
      partitionId: '0',
    };
    expect(given('many')[0]).toMatchObject({
      many: [{ t: 21 }],
      sequenceNumberArray: [0],
      offsetArray: ['0'],
      enqueuedTimeUtcArray: [expect.stringMatching(/Z$/)],
      propertiesArray: [{ 'downlink-receipt': 'ok' }],
      systemPropertiesArray: [system],
      partitionContext: { ...partitionContext, consumerGroup: 'batch' },
    });
    expect(given('one')[0]).toMatchObject({
      one: { t: 21 },
      sequenceNumber: 0,
      properties: { 'downlink-receipt': 'ok' },
      systemProperties: system,
      partitionContext: { ...partitionContext, consumerGroup: 'single' },
    });
  });

  test('goes on behind an event that failed, after the retries of its policy', async () => {
    send('fail');
    send('after the failure');
    await untilGiven('one', 'after the failure');
    await untilGiven('many', 'after the failure');

    const tries = given('one').filter(({ one }) => one === 'fail');
    expect(tries.map(({ retry }) => retry)).toEqual([0, 1, 2]);
    expect(given('many').filter(({ many }) => [many].flat().includes('fail'))).toHaveLength(1);
  });

  test('goes on where it was after a crash, with the event at which it crashed', async () => {
    await untilGiven('one', 'after the failure');
    send('hang');
    await untilGiven('many', 'hang');
    await until('no others under way', () => given('one').some(({ one }) => one === 'hang'));
    await host.kill();

    host = await start();
    await untilGiven('many', 'hang');
    await untilGiven('one', 'hang');

    expect(given('many').map(({ many }) => many)).toEqual([['hang']]);
    expect(given('one').map(({ one }) => one)).toEqual(['hang']);
  });

  test('begins anew when the hub was replaced and its numbers are lower', async () => {
    await host.kill();
    const { ports } = hub;
    await hub.stop();
    hub = await startHub({
      ports,
      devices: [{ deviceId: 'device-1' }],
      consumerGroups: ['batch', 'single'],
      settings: { events: { partitionCount: 1 } },
    });
    await writeFile(path.join(folder, 'ca.pem'), hub.certificateAuthorityPem);
    send('of the new hub');
    host = await start();

    await untilGiven('many', 'of the new hub');
    await untilGiven('one', 'of the new hub');

    expect(host.output).toContain('read anew');
  });
});
