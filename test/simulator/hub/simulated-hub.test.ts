import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  ManualClock,
  PortTakenError,
  startHub,
  type SimulatedHub,
  type SimulatedHubOptions,
} from '../../../simulator/index.ts';
import { until } from '../../support/until.ts';
import { aMessage } from './state/builders.ts';

let folder: string;
const hubs: SimulatedHub[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'downlink-hub-'));
});
afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function start(options: SimulatedHubOptions = {}): Promise<SimulatedHub> {
  const hub = await startHub(options);
  hubs.push(hub);
  return hub;
}

function savedState(): Promise<string> {
  return readFile(join(folder, 'hub-state.json'), 'utf8');
}

describe('startHub', () => {
  test('opens three ports, registers the devices and gives connection strings', async () => {
    const hub = await start({ devices: [{ deviceId: 'device-1' }] });

    const { amqp, mqtt, https } = hub.ports;
    const owner = hub.state.policies.find('iothubowner')?.primaryKey;
    const service = hub.state.policies.find('service')?.primaryKey;
    const device = hub.state.registry.get('device-1').primaryKey;
    expect(new Set([amqp, mqtt, https, 0]).size).toBe(4);
    expect(hub.connectionString()).toBe(
      `HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=${owner}`,
    );
    expect(hub.connectionString('service')).toBe(
      `HostName=localhost;SharedAccessKeyName=service;SharedAccessKey=${service}`,
    );
    expect(hub.deviceConnectionString('device-1')).toBe(
      `HostName=localhost;DeviceId=device-1;SharedAccessKey=${device}`,
    );
    expect(() => hub.connectionString('nobody')).toThrow("no shared access policy 'nobody'");
    expect(() => hub.deviceConnectionString('nobody')).toThrow("'nobody' is not registered");
    expect(hub.notices).toEqual([]);
  });

  test('fails as a whole when a port is taken: the other ports are free again', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as { port: number };
    const { amqp, mqtt } = (await start()).ports;
    await hubs.pop()?.stop();

    const failure: unknown = await startHub({ ports: { amqp, mqtt, https: port } }).catch(
      (error: unknown) => error,
    );

    expect(failure).toBeInstanceOf(PortTakenError);
    expect(failure).toMatchObject({ port });
    await start({ ports: { amqp, mqtt } });
    blocker.close();
  });

  test('refuses settings and names that cannot be', async () => {
    await expect(startHub({ settings: { feedback: { lockMs: 1 } } })).rejects.toThrow(
      'feedback.lockMs must be a whole number from 5000 to 300000',
    );
    await expect(startHub({ hostName: 'my hub;HostName=x' })).rejects.toThrow(
      "'my hub;HostName=x' is not the name of a host",
    );
  });

  test('has no file of its authority without a folder', async () => {
    const hub = await start();

    expect(hub.certificateAuthorityFile).toBeUndefined();
  });
});

describe('A hub with a data folder', () => {
  test('is the same hub after a restart: keys, certificate, messages, feedback', async () => {
    const clock = new ManualClock();
    const options = { dataFolder: folder, clock, devices: [{ deviceId: 'device-1' }] };
    const before = await start(options);
    before.state.registry.create({ deviceId: 'device-9', status: 'disabled' });
    before.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'waits' }));
    before.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'done' }));
    before.state.cloudToDevice.receive('device-1');
    const done = before.state.cloudToDevice.receive('device-1');
    before.state.cloudToDevice.complete('device-1', done?.lockToken ?? '');
    await before.stop();

    const after = await start(options);

    expect(after.connectionString()).toBe(before.connectionString());
    expect(after.deviceConnectionString('device-1')).toBe(
      before.deviceConnectionString('device-1'),
    );
    expect(after.certificateAuthorityPem).toBe(before.certificateAuthorityPem);
    expect(await readFile(after.certificateAuthorityFile ?? '', 'utf8')).toBe(
      after.certificateAuthorityPem,
    );
    expect(after.state.registry.get('device-9').status).toBe('disabled');
    expect(after.state.cloudToDevice.receive('device-1')?.message.messageId).toBe('waits');
    expect(after.state.feedback.receive()?.records).toMatchObject([{ originalMessageId: 'done' }]);
    expect(after.notices).toEqual([]);
  });

  test('saves shortly after a change, whole, for the eyes of its owner alone', async () => {
    const hub = await start({ dataFolder: folder });

    hub.state.registry.create({ deviceId: 'device-7' });
    const text = await until('the device is saved', async () => {
      const saved = await savedState();
      return saved.includes('device-7') && saved;
    });

    expect(JSON.parse(text)).toMatchObject({ version: 2 });
    const { mode } = await stat(join(folder, 'hub-state.json'));
    // Windows knows no such rights.
    expect(process.platform === 'win32' ? 0o600 : mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('saves while it is busy too', async () => {
    const hub = await start({ dataFolder: folder });
    let created = 0;

    const text = await until('something is saved meanwhile', async () => {
      hub.state.registry.create({ deviceId: `device-${created++}` });
      const saved = await savedState();
      return saved.includes('device-0') && saved;
    });

    expect(created).toBeGreaterThan(1);
    expect(JSON.parse(text)).toBeTruthy();
  });

  test.each([
    ['is cut', '{"version":1,"pol', /JSON/],
    ['is of another version', '{"version":99}', /version/],
    ['is something else', '[]', /expected object/],
    ['lacks the policies', emptySnapshot({ policies: [] }), /policy iothubowner/],
    [
      'has a queue of no device',
      emptySnapshot({ queues: [{ deviceId: 'ghost', lastSequenceNumber: 0, messages: [] }] }),
      /'ghost' is not registered/,
    ],
  ])('starts afresh when its file %s, sets the file aside and says so', async (_, text, reason) => {
    await writeFile(join(folder, 'hub-state.json'), text);

    const hub = await start({ dataFolder: folder });

    expect(hub.notices).toHaveLength(1);
    expect(hub.notices[0]).toMatch(reason);
    const aside = (await readdir(folder)).find((name) => name.endsWith('.unreadable')) ?? 'none';
    expect(hub.notices[0]).toContain(aside);
    expect(await readFile(join(folder, aside), 'utf8')).toBe(text);
    expect(JSON.parse(await savedState())).toMatchObject({ version: 2 });
  });

  function emptySnapshot(changes: object): string {
    const owner = { name: 'iothubowner', rights: [], primaryKey: 'a', secondaryKey: 'b' };
    return JSON.stringify({
      version: 2,
      policies: [owner],
      devices: [],
      queues: [],
      feedback: { pending: [], batches: [] },
      ...changes,
    });
  }

  test('says that its certificate was replaced', async () => {
    await start({ dataFolder: folder });
    await hubs.pop()?.stop();
    await writeFile(join(folder, 'hub.pem'), 'not a certificate');

    const hub = await start({ dataFolder: folder });

    expect(hub.notices).toMatchObject([expect.stringContaining('certificate was replaced')]);
  });

  test('tells when its state cannot be saved', async () => {
    const problems: string[] = [];
    const hub = await start({ dataFolder: folder, onProblem: (text) => problems.push(text) });
    // A folder that is a file by now takes no files.
    await rm(folder, { recursive: true });
    await writeFile(folder, '');

    hub.state.registry.create({ deviceId: 'device-1' });

    await until('the problem is told', () => problems.length > 0);
    expect(problems[0]).toMatch(/^The hub's state could not be saved: /);
    await expect(hub.stop()).rejects.toThrow(folder);
    hubs.pop();
  });
});

describe('SimulatedHub.stop', () => {
  test('may be called twice, and saves before it settles', async () => {
    const hub = await start({ dataFolder: folder });
    hub.state.registry.create({ deviceId: 'last-moment' });

    await Promise.all([hub.stop(), hub.stop()]);

    expect(await savedState()).toContain('last-moment');
  });
});
