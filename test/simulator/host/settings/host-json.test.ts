import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readHostJson } from '../../../../simulator/host/settings/host-json.ts';
import { parseTimeSpan } from '../../../../simulator/host/settings/time-span.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'downlink-host-json-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function read(settings: object | string, environment: NodeJS.ProcessEnv = {}) {
  const text = typeof settings === 'string' ? settings : JSON.stringify(settings);
  await writeFile(path.join(folder, 'host.json'), text);
  return readHostJson(folder, environment);
}

describe('host.json', () => {
  test('has the defaults of the real host', async () => {
    expect(await read({ version: '2.0' })).toEqual({
      functionTimeoutMs: undefined,
      routePrefix: 'api',
      eventHubs: {
        maxEventBatchSize: 100,
        batchCheckpointFrequency: 1,
        prefetchCount: 300,
        initialOffset: { type: 'fromstart' },
      },
      queues: {
        batchSize: 16,
        newBatchThreshold: 8,
        maxDequeueCount: 5,
        visibilityTimeoutMs: 0,
        maxPollingIntervalMs: 60_000,
        messageEncoding: 'base64',
      },
    });
  });

  test('is overridden by settings, in whatever case and as text', async () => {
    const settings = {
      version: '2.0',
      functionTimeout: '00:05:00',
      extensions: {
        http: { routePrefix: '' },
        Queues: { BatchSize: 4, messageEncoding: 'none' },
        serviceBus: { whatever: 1 },
      },
      logging: { logLevel: {} },
    };

    const read1 = await read(settings, {
      AzureFunctionsJobHost__extensions__queues__batchSize: '6',
      AZUREFUNCTIONSJOBHOST__EXTENSIONS__QUEUES__VISIBILITYTIMEOUT: '00:00:30',
      AzureFunctionsJobHost__functionTimeout: '-1',
      'AzureFunctionsJobHost:extensions:http:routePrefix': 'v1',
      OtherAzureFunctionsJobHost__version: '3.0',
    });

    expect(read1).toMatchObject({
      functionTimeoutMs: undefined,
      routePrefix: 'v1',
      queues: {
        batchSize: 6,
        newBatchThreshold: 3,
        visibilityTimeoutMs: 30_000,
        messageEncoding: 'none',
      },
    });
  });

  test('that has faults is refused with all of them', async () => {
    const settings = {
      version: '3.0',
      functionTimeout: '00:00:00',
      retry: {},
      extensions: {
        http: { customHeaders: {}, dynamicThrottlesEnabled: true },
        queues: { batchSize: 33, visibilityTimeout: '30', maxPollingInterval: '00:00:00.01' },
      },
    };

    const refused = await read(settings).catch((error: unknown) => error);

    expect(String(refused).split('\n').slice(1)).toEqual([
      expect.stringMatching('version: .*"2.0"'),
      expect.stringMatching('functiontimeout: must be longer than nothing'),
      expect.stringMatching('extensions.http.dynamicthrottlesenabled: '),
      expect.stringMatching('extensions.http: Unrecognized key: "customheaders"'),
      expect.stringMatching('extensions.queues.batchsize: .*32'),
      expect.stringMatching('extensions.queues.visibilitytimeout: "30" is not a time span'),
      expect.stringMatching('extensions.queues.maxpollinginterval: must be at least 00:00:00.1'),
      expect.stringMatching('host.json: Unrecognized key: "retry"'),
    ]);
  });

  test.each([
    ['is no JSON', '{', 'cannot be read: '],
    ['is no object', '[]', 'must hold a JSON object'],
  ])('that %s is refused', async (_, text, reason) => {
    await expect(read(text)).rejects.toThrow(reason);
  });
});

describe('extensions.eventHubs', () => {
  const eventHubs = async (settings: object) =>
    (await read({ version: '2.0', extensions: { eventHubs: settings } })).eventHubs;

  test.each([
    [{ type: 'fromEnd' }, { type: 'fromend' }],
    [
      { type: 'FromEnqueuedTime', enqueuedTimeUtc: '2026-01-02T03:04:05Z' },
      { type: 'fromenqueuedtime', enqueuedOn: new Date('2026-01-02T03:04:05Z') },
    ],
  ])('begins where %j says', async (initialOffsetOptions, initialOffset) => {
    expect(await eventHubs({ initialOffsetOptions })).toMatchObject({ initialOffset });
  });

  test.each([
    { initialOffsetOptions: { type: 'fromEnqueuedTime' } },
    { initialOffsetOptions: { type: 'somewhere' } },
    { minEventBatchSize: 5 },
    { maxEventBatchSize: 0 },
    { maxBatchSize: 10 },
  ])('refuses %j', async (settings) => {
    await expect(eventHubs(settings)).rejects.toThrow('eventhubs');
  });
});

describe('a time span', () => {
  test.each([
    ['00:00:30', 30_000],
    ['0:1:5', 65_000],
    ['01:30', 5_400_000],
    ['23:59:59.9999999', 86_400_000],
    ['00:00:00.1', 100],
    ['2.03:04:05.006', 183_845_006],
    ['24:00:00', undefined],
    ['00:60:00', undefined],
    ['-00:00:01', undefined],
    ['30', undefined],
    ['', undefined],
    ['1:2:3:4', undefined],
  ])('of %j is %p ms', (text, ms) => {
    expect(parseTimeSpan(text)).toBe(ms);
  });
});
