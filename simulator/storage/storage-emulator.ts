import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { checkStoredState } from './stored-state.ts';

/**
 * Azurite's queue and table servers in this process. They have no public way in for embedding:
 * what is used of their insides stands in this file alone, and the version is pinned exactly.
 */
interface AzuriteServer {
  start(): Promise<void>;
  close(): Promise<void>;
  readonly httpServer: Server;
  readonly metadataStore: { readonly db: LokiDatabase };
  readonly extentMetadataStore?: { readonly db: LokiDatabase };
}

interface LokiDatabase {
  autosaveInterval: number;
  autosaveDisable(): void;
  autosaveEnable(): void;
}

type Constructor<T> = new (...positional: unknown[]) => T;

interface Module<T = object> {
  default: Constructor<T>;
}

interface MemoryModule {
  MemoryExtentChunkStore: Constructor<object>;
}

export interface StorageEmulatorOptions {
  /** Where the state is kept; without it the state lives in memory. */
  folder?: string;
  /** 0, the default, means any free port. */
  ports?: { queue?: number; table?: number };
}

export interface StorageEmulator {
  connectionString: string;
  ports: { queue: number; table: number };
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const ACCOUNT = 'devstoreaccount1';
// Published by Microsoft for every storage emulator: it protects nothing.
const ACCOUNT_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

// Above the idle time of the SDKs' agents, so that a pooled connection is not cut as it is reused.
const KEEP_ALIVE_SECONDS = 60;
// LokiJS keeps everything in memory and writes the whole file (a new one, then renamed over the
// old) when its timer finds a change. Azurite's own 5 s is what a killed process would lose.
const AUTOSAVE_INTERVAL_MS = 1_000;

export async function startStorageEmulator(
  options: StorageEmulatorOptions = {},
): Promise<StorageEmulator> {
  const inMemory = options.folder === undefined;
  const folder = options.folder ?? '';
  if (!inMemory) {
    await mkdir(folder, { recursive: true });
    await checkStoredState(folder);
  }
  // Would replace the well-known account by the user's own ones.
  delete process.env['AZURITE_ACCOUNTS'];

  const servers = [
    queueServer(folder, inMemory, options.ports?.queue ?? 0),
    tableServer(folder, inMemory, options.ports?.table ?? 0),
  ] as const;
  await startAll(servers);
  if (!inMemory) servers.forEach(saveOften);

  const [queue, table] = [portOf(servers[0]), portOf(servers[1])];
  return {
    connectionString: connectionString(queue, table),
    ports: { queue, table },
    stop: async () => {
      await Promise.all(servers.map(stopServer));
    },
  };
}

// Loaded on use: the module tree is large, and whoever imports this file may never start it.
const require = createRequire(import.meta.url);

function queueServer(folder: string, inMemory: boolean, port: number): AzuriteServer {
  const configuration: Module = require('azurite/dist/src/queue/QueueConfiguration.js');
  const server: Module<AzuriteServer> = require('azurite/dist/src/queue/QueueServer.js');
  const memory: MemoryModule = require('azurite/dist/src/common/persistence/MemoryExtentStore.js');
  return new server.default(
    new configuration.default(
      HOST,
      port,
      KEEP_ALIVE_SECONDS,
      path.join(folder, 'queue.json'),
      path.join(folder, 'queue-extents.json'),
      [{ locationId: 'Default', locationPath: path.join(folder, 'queue'), maxConcurrency: 1 }],
      ...queueLogs,
      ...strictness,
      ...withoutTls,
      inMemory,
      // One of its own: the shared one is emptied for all when one server stops.
      new memory.MemoryExtentChunkStore(),
    ),
  );
}

function tableServer(folder: string, inMemory: boolean, port: number): AzuriteServer {
  const configuration: Module = require('azurite/dist/src/table/TableConfiguration.js');
  const server: Module<AzuriteServer> = require('azurite/dist/src/table/TableServer.js');
  return new server.default(
    new configuration.default(
      HOST,
      port,
      KEEP_ALIVE_SECONDS,
      path.join(folder, 'table.json'),
      ...tableLogs,
      ...strictness,
      ...withoutTls,
      inMemory,
    ),
  );
}

/** Access log and its stream, debug log and its file: all off. */
const queueLogs = [false, undefined, false, undefined] as const;
/** The same in the table server's order: debug log, access log and its stream, debug log's file. */
const tableLogs = [false, false, undefined, undefined] as const;

/** loose, skipApiVersionCheck: the SDKs are newer than the emulator and use nothing new of it. */
const strictness = [false, true] as const;

/** cert, key, pwd, oauth, disableProductStyleUrl. */
const withoutTls = ['', '', '', undefined, true] as const;

async function startAll(servers: readonly AzuriteServer[]): Promise<void> {
  const starts = await Promise.allSettled(servers.map(async (server) => server.start()));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed === undefined) return;
  await Promise.all(servers.filter((_, i) => starts[i]?.status === 'fulfilled').map(stopServer));
  throw new Error('The storage emulator did not start', { cause: failed.reason });
}

function saveOften(server: AzuriteServer): void {
  // The place of the message bodies first: a queue that knows of a body without a place is broken.
  for (const store of [server.extentMetadataStore, server.metadataStore]) {
    if (store === undefined) continue;
    store.db.autosaveDisable();
    store.db.autosaveInterval = AUTOSAVE_INTERVAL_MS;
    store.db.autosaveEnable();
  }
}

async function stopServer(server: AzuriteServer): Promise<void> {
  await server.close();
  server.httpServer.closeAllConnections();
}

function portOf(server: AzuriteServer): number {
  const address = server.httpServer.address();
  if (address === null || typeof address === 'string') throw new Error('azurite does not listen');
  return address.port;
}

function connectionString(queuePort: number, tablePort: number): string {
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${ACCOUNT}`,
    `AccountKey=${ACCOUNT_KEY}`,
    `QueueEndpoint=http://${HOST}:${String(queuePort)}/${ACCOUNT}`,
    `TableEndpoint=http://${HOST}:${String(tablePort)}/${ACCOUNT}`,
    '',
  ].join(';');
}
