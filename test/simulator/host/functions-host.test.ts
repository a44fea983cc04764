import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue';
import { newHubCertificate } from '../../../simulator/hub/tls/hub-certificate.ts';
import { listenOnLoopback } from '../../../simulator/loopback/listen.ts';
import { startStorageEmulatorProcess } from '../../support/storage-emulator.ts';
import type { StorageEmulatorProcess } from '../../support/storage-emulator.ts';
import { until } from '../../support/until.ts';
import { KEY, startHost, writeApp, type HostProcess } from './host-process.ts';

// What happens is kept in order, to be asked for over HTTP.
const APP = `
import { connect } from 'node:tls';
import https from 'node:https';
import { app } from '@azure/functions';

const events = [];
const note = (event) => { events.push(JSON.parse(JSON.stringify(event))); };

app.get('events', { authLevel: 'anonymous', handler: () => ({ jsonBody: events }) });

app.hook.appStart((context) => { note({ hook: 'appStart', data: context.hookData }); });
app.hook.log((context) => { if (context.category === 'user') context.message += ' (seen)'; });
app.hook.preInvocation((context) => {
  if (context.invocationContext.functionName !== 'hooked') return;
  context.inputs = ['other input'];
  context.hookData.from = 'before';
  const { functionHandler } = context;
  context.functionHandler = (...inputs) => ({ ...functionHandler(...inputs), status: 202 });
});
app.hook.postInvocation((context) => {
  if (context.invocationContext.functionName === 'hooked') {
    context.result = { ...context.result, body: context.result.body + ' ' + context.hookData.from };
  }
  if (context.error?.message === 'to be forgiven') {
    context.error = null;
    context.result = { body: 'forgiven' };
  }
});
app.get('hooked', { authLevel: 'anonymous', handler: (input) => ({ body: input }) });
app.get('forgiven', { authLevel: 'anonymous', handler: () => { throw new Error('to be forgiven'); } });
app.get('slow', { authLevel: 'anonymous', handler: () => new Promise(() => {}) });

app.timer('tick', {
  schedule: '%TICK_SCHEDULE%',
  runOnStartup: true,
  useMonitor: true,
  handler: (timer, context) => { note({ timer, metadata: context.triggerMetadata }); },
});

app.storageQueue('orders', {
  queueName: '%QUEUE%',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => {
    context.log('got %j of %d', message, 5);
    context.debug('not shown');
    note({ message, metadata: context.triggerMetadata });
    if (message.fails) throw new Error('told to fail');
  },
});

app.storageQueue('blobs', {
  queueName: 'bytes',
  dataType: 'binary',
  connection: 'Storage',
  handler: (message) => { note({ bytes: [...message] }); },
});

const authorized = (socket) => new Promise((resolve, reject) => {
  socket.once('secureConnect', () => { resolve(socket.authorized); socket.destroy(); });
  socket.once('error', reject);
});
app.get('hub', {
  authLevel: 'anonymous',
  handler: async () => ({
    jsonBody: {
      viaNamedImport: await authorized(connect(443, 'localhost')),
      viaHttps: await new Promise((resolve, reject) => {
        https.get('https://localhost/', (response) => {
          response.setEncoding('utf8').on('data', resolve);
        }).on('error', reject);
      }),
    },
  }),
});
`;

const HOST_JSON = JSON.stringify({
  version: '2.0',
  functionTimeout: '00:00:00.3',
  extensions: {
    http: { routePrefix: '' },
    queues: { maxPollingInterval: '00:00:00.2', maxDequeueCount: 2 },
  },
});

interface Event {
  message?: unknown;
  bytes?: number[];
  timer?: Record<string, unknown>;
  metadata?: Record<string, unknown>;
}

let emulator: StorageEmulatorProcess;
let hub: Awaited<ReturnType<typeof listenOnLoopback>>;
let stateFolder: string;
let host: HostProcess;
let orders: QueueClient;

beforeAll(async () => {
  const { ca, ...certificate } = await newHubCertificate('localhost', Date.now());
  [emulator, hub, stateFolder] = await Promise.all([
    startStorageEmulatorProcess(),
    listenOnLoopback(() => https.createServer(certificate, (_, out) => out.end('hub')), 0),
    mkdtemp(path.join(tmpdir(), 'downlink-host-')),
  ]);
  const certificateAuthorityFile = path.join(stateFolder, 'authority.pem');
  await writeFile(certificateAuthorityFile, ca);
  const localSettings = {
    IsEncrypted: false,
    Values: { QUEUE: 'Orders', TICK_SCHEDULE: 'from the file', FROM_FILE: 'yes' },
  };
  const appRoot = await writeApp({
    'index.js': APP,
    'host.json': HOST_JSON,
    'local.settings.json': JSON.stringify(localSettings),
  });
  host = await startHost(appRoot, {
    arguments: ['--port', '0', '--state-folder', stateFolder],
    environment: {
      AzureWebJobsStorage: emulator.connectionString,
      // The environment wins over the file.
      TICK_SCHEDULE: '0 0 0 1 1 *',
      DOWNLINK_SIMULATED_HUB: JSON.stringify({
        hostName: 'localhost',
        ports: { 443: hub.port },
        certificateAuthorityFile,
      }),
    },
  });
  orders = QueueServiceClient.fromConnectionString(emulator.connectionString).getQueueClient(
    'orders',
  );
});

afterAll(async () => {
  for (const server of hub.servers) server.close();
  await emulator.stop();
  await rm(stateFolder, { recursive: true });
});

async function events(): Promise<Event[]> {
  const answer: unknown = await (await host.fetch('/events')).json();
  return Array.isArray(answer) ? answer : [];
}

async function event(what: string, accepts: (event: Event) => boolean): Promise<Event> {
  return until(what, async () => (await events()).find(accepts));
}

function base64(value: unknown) {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
}

describe('the host', () => {
  test('tells its parent what it runs and where', () => {
    expect(host.messages).toEqual([
      {
        type: 'ready',
        url: expect.stringMatching(/^http:\/\/localhost:\d+$/),
        port: Number(new URL(host.url).port),
        functions: expect.arrayContaining([
          {
            name: 'events',
            type: 'http',
            isDisabled: false,
            route: 'events',
            methods: ['GET'],
            authLevel: 'anonymous',
          },
          { name: 'tick', type: 'timer', isDisabled: false },
          { name: 'orders', type: 'queue', isDisabled: false },
        ]),
      },
    ]);
  });

  test('maps the simulated hub for the whole app', async () => {
    const answer = await host.fetch('/hub');

    expect(await answer.json()).toEqual({ viaNamedImport: true, viaHttps: 'hub' });
  });

  test('runs hooks around each call, which may change what goes in and comes out', async () => {
    const hooked = await host.fetch('/hooked');

    expect([hooked.status, await hooked.text()]).toEqual([202, 'other input before']);
    expect(await (await host.fetch('/forgiven')).text()).toBe('forgiven');
    expect(await events()).toContainEqual({ hook: 'appStart', data: {} });
  });

  test('answers 500 once a function took longer than functionTimeout', async () => {
    const slow = await host.fetch('/slow');

    expect(slow.status).toBe(500);
    await host.printed('error slow: failed: Error: it took longer than functionTimeout, 0.3 s');
  });
});

describe('a timer function', () => {
  test('runs on startup and is told its schedule, which is kept in the state folder', async () => {
    const next = `${new Date().getUTCFullYear() + 1}-01-01T00:00:00.000Z`;

    const { timer, metadata } = await event('the timer ran', (each) => each.timer !== undefined);

    expect(metadata).toBeUndefined();
    expect(timer).toEqual({
      isPastDue: false,
      schedule: { adjustForDST: true },
      scheduleStatus: {
        last: '0001-01-01T00:00:00+00:00',
        lastUpdated: expect.any(String),
        next,
      },
    });
    const stored = await readFile(path.join(stateFolder, 'timers/tick.json'), 'utf8');
    expect(JSON.parse(stored)).toMatchObject({ next });
  });

  test('is run by hand with the master key', async () => {
    const before = (await events()).filter(({ timer }) => timer !== undefined).length;

    const answer = await host.fetch('/admin/functions/Tick', {
      method: 'POST',
      headers: { 'x-functions-key': KEY },
    });

    expect(answer.status).toBe(202);
    await until('it ran again', async () => {
      const runs = (await events()).filter(({ timer }) => timer !== undefined);
      return runs.length === before + 1;
    });
  });
});

describe('a queue function', () => {
  test('gets the message decoded, with its metadata', async () => {
    const { messageId } = await orders.sendMessage(base64({ id: 1 }));

    const { message, metadata } = await event('the message arrived', (each) =>
      Object.is(each.metadata?.['id'], messageId),
    );

    expect(message).toEqual({ id: 1 });
    expect(metadata).toMatchObject({ dequeueCount: 1, queueTrigger: { id: 1 } });
    expect(Date.parse(String(metadata?.['insertionTime']))).toBeLessThanOrEqual(Date.now());
    expect(Date.parse(String(metadata?.['nextVisibleTime']))).toBeGreaterThan(Date.now());
    expect(metadata?.['popReceipt']).toEqual(expect.any(String));
  });

  test.each([
    ['that fails time and again', base64({ fails: true }), 'told to fail'],
    ['that is not encoded as host.json says', 'no base64!', 'the message is not base64'],
  ])('loses a message %s to the poison queue', async (_, text, reason) => {
    const poison = QueueServiceClient.fromConnectionString(
      emulator.connectionString,
    ).getQueueClient('orders-poison');

    await orders.sendMessage(text);

    await until('it is poison', async () => {
      const peeked = await poison.peekMessages({ numberOfMessages: 32 }).catch(() => undefined);
      return peeked?.peekedMessageItems.some(({ messageText }) => messageText === text);
    });
    expect(host.output).toContain(`error orders: failed: Error: ${reason}`);
  });

  test('writes its log with level and name, through the log hooks', async () => {
    await orders.sendMessage(base64('"text"'));

    await host.printed(/^\[[\d:.]+\] information orders: got "text" of 5 \(seen\)$/m);
    expect(host.output).not.toContain('not shown');
  });

  test('gets bytes if it wants them', async () => {
    const queue = QueueServiceClient.fromConnectionString(emulator.connectionString).getQueueClient(
      'bytes',
    );
    await until('the host made the queue', async () => queue.exists());

    await queue.sendMessage(Buffer.from([1, 255]).toString('base64'));

    const { bytes } = await event('the bytes arrived', (each) => each.bytes !== undefined);
    expect(bytes).toEqual([1, 255]);
  });

  test('is run by hand with a text', async () => {
    await host.fetch('/admin/functions/orders', {
      method: 'POST',
      headers: { 'x-functions-key': KEY },
      body: JSON.stringify({ input: '{"by":"hand"}' }),
    });

    const { metadata } = await event(
      'it ran',
      ({ message }) => JSON.stringify(message) === '{"by":"hand"}',
    );
    expect(metadata).toMatchObject({ dequeueCount: 0 });
  });
});
