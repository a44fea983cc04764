import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { TableClient } from '@azure/data-tables';
import { QueueClient } from '@azure/storage-queue';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  startStorageEmulatorProcess,
  type StorageEmulatorProcess,
} from '../../support/storage-emulator.ts';

let folder: string;
const emulators: StorageEmulatorProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'storage-emulator-'));
});
afterEach(async () => {
  await Promise.all(emulators.splice(0).map(async (emulator) => emulator.stop()));
  await rm(folder, { recursive: true });
});

async function start(options: { folder?: string } = {}): Promise<StorageEmulatorProcess> {
  const emulator = await startStorageEmulatorProcess(options);
  emulators.push(emulator);
  return emulator;
}

function table({ connectionString }: StorageEmulatorProcess): TableClient {
  return TableClient.fromConnectionString(connectionString, 'messages', {
    allowInsecureConnection: true,
  });
}

function queue({ connectionString }: StorageEmulatorProcess): QueueClient {
  return new QueueClient(connectionString, 'wake-ups');
}

async function store(emulator: StorageEmulatorProcess): Promise<void> {
  await table(emulator).createTable();
  await table(emulator).createEntity({ partitionKey: 'p', rowKey: 'r', text: 'kept' });
  await queue(emulator).create();
  await queue(emulator).sendMessage('kept');
}

async function stored(emulator: StorageEmulatorProcess): Promise<unknown[]> {
  const entity = await table(emulator).getEntity('p', 'r');
  const { receivedMessageItems } = await queue(emulator).receiveMessages();
  return [entity['text'], ...receivedMessageItems.map((item) => item.messageText)];
}

/** Until the file on disk knows of what was stored: the emulator writes once a second. */
async function saved(file: string, text: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await readFile(path.join(folder, file), 'utf8')).includes(text)) {
    if (Date.now() > deadline) throw new Error(`${file} was not written in time`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('startStorageEmulator', () => {
  test('serves the official SDKs, with transactions and conditional writes', async () => {
    const client = table(await start());
    await client.createTable();
    await client.submitTransaction([
      ['create', { partitionKey: 'p', rowKey: '1', n: 1 }],
      ['create', { partitionKey: 'p', rowKey: '2', n: 2 }],
    ]);
    const { etag } = await client.getEntity('p', '1');
    await client.updateEntity({ partitionKey: 'p', rowKey: '1', n: 3 }, 'Merge', { etag });

    const stale = client.updateEntity({ partitionKey: 'p', rowKey: '1', n: 4 }, 'Merge', { etag });
    await expect(stale).rejects.toMatchObject({ statusCode: 412 });
    const again = client.submitTransaction([
      ['create', { partitionKey: 'p', rowKey: '3', n: 3 }],
      ['create', { partitionKey: 'p', rowKey: '2', n: 2 }],
    ]);
    await expect(again).rejects.toMatchObject({ statusCode: 409 });
    await expect(client.getEntity('p', '3')).rejects.toMatchObject({ statusCode: 404 });
  });

  test('serves queues to the newest SDK, whose API version it does not know', async () => {
    const client = queue(await start());
    await client.create();
    await client.sendMessage('later', { visibilityTimeout: 60 });
    await client.sendMessage('now');

    const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32 });

    expect(receivedMessageItems.map((item) => item.messageText)).toEqual(['now']);
  });

  test('keeps two emulators apart, and the one running when the other stops', async () => {
    const [first, second] = [await start(), await start()];
    await store(first);
    await store(second);
    await table(second).updateEntity({ partitionKey: 'p', rowKey: 'r', text: 'own' });

    await first.stop();

    expect(await stored(second)).toEqual(['own', 'kept']);
  });

  test('has everything again after a stop', async () => {
    const first = await start({ folder });
    await store(first);
    await first.stop();

    expect(await stored(await start({ folder }))).toEqual(['kept', 'kept']);
  });

  test('has what it had written again after it was killed', async () => {
    const first = await start({ folder });
    await store(first);
    await Promise.all([
      saved('table.json', 'kept'),
      saved('queue.json', 'messageId'),
      saved('queue-extents.json', 'locationId'),
    ]);
    await first.kill();

    expect(await stored(await start({ folder }))).toEqual(['kept', 'kept']);
  });

  test('ends with its parent', async () => {
    const emulator = await start({ folder });
    await store(emulator);

    await emulator.disconnect();

    expect(await stored(await start({ folder }))).toEqual(['kept', 'kept']);
  });

  test.each([
    ['emptied', ''],
    ['cut off', '{"filename":"table.json","collections":[{"na'],
    ['something else', '[]'],
  ])('refuses a state file that is %s and names it', async (_, content) => {
    const first = await start({ folder });
    await store(first);
    await first.stop();
    await writeFile(path.join(folder, 'table.json'), content);

    await expect(start({ folder })).rejects.toThrow(/table\.json cannot be read/);
  });
});
