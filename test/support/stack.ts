import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startHub } from '@downlink/simulator';
import type { SimulatedHub } from '@downlink/simulator';
import { startAppProcess } from './app-process.ts';
import type { AppProcess } from './app-process.ts';
import { documentChecker } from './openapi.ts';
import type { OpenApiDocument } from './openapi.ts';
import { startStorageEmulatorProcess } from './storage-emulator.ts';
import type { StorageEmulatorProcess } from './storage-emulator.ts';

const FUNCTION_KEY = 'local-development-key';

export interface Response {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface Request {
  readonly json?: unknown;
  /** Sent as it is. */
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

type HubOptions = NonNullable<Parameters<typeof startHub>[0]>;

/** The whole of Downlink: simulated hub (in this process), storage and the deployed bundle (in theirs). */
export class Stack {
  hub: SimulatedHub;
  storage: StorageEmulatorProcess;
  app: AppProcess;
  /** Where hub and storage keep their state; gone with the stack. */
  readonly folder: string;
  readonly #settings: Record<string, string>;
  readonly #hubOptions: HubOptions;
  #check: Promise<ReturnType<typeof documentChecker>> | undefined;

  private constructor(
    parts: { hub: SimulatedHub; storage: StorageEmulatorProcess; app: AppProcess },
    folder: string,
    settings: Record<string, string>,
    hubOptions: HubOptions,
  ) {
    this.hub = parts.hub;
    this.storage = parts.storage;
    this.app = parts.app;
    this.folder = folder;
    this.#settings = settings;
    this.#hubOptions = hubOptions;
  }

  static async start(
    options: {
      hub?: HubOptions;
      settings?: Record<string, string>;
      /** Nothing is written down: for measurements. */
      storageInMemory?: boolean;
      /** What the app is told instead of the storage's own connection string. */
      storageFor?: (connectionString: string) => Promise<string>;
      /** Whether the app reads what devices send. */
      receivesReceipts?: boolean;
    } = {},
  ): Promise<Stack> {
    const folder = await mkdtemp(path.join(tmpdir(), 'downlink-test-'));
    const hubOptions: HubOptions = {
      settings: { feedback: { intervalMs: 100 } },
      devices: [{ deviceId: 'device-1' }, { deviceId: 'device-2' }],
      dataFolder: path.join(folder, 'hub'),
      ...options.hub,
    };
    const [hub, storage] = await Promise.all([
      startHub(hubOptions),
      startStorageEmulatorProcess(
        options.storageInMemory === true ? {} : { folder: path.join(folder, 'storage') },
      ),
    ]);
    const { connectionString } = storage;
    const settings = {
      ...(await hubSettings(hub, folder)),
      ...(options.receivesReceipts && { DOWNLINK_EVENT_HUB: hub.eventHubConnectionString() }),
      AzureWebJobsStorage: (await options.storageFor?.(connectionString)) ?? connectionString,
      DOWNLINK_AUTH: 'key',
      // The host looks for wake-ups more often than it need: tests wait for them.
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
      ...options.settings,
    };
    const app = await startAppProcess(settings);
    return new Stack({ hub, storage, app }, folder, settings, hubOptions);
  }

  /** Calls the API with the function key, unless other headers are given. Fails if the answer is not as the OpenAPI document says. */
  async call(method: string, route: string, request: Request = {}): Promise<Response> {
    const body =
      request.text ?? (request.json === undefined ? undefined : JSON.stringify(request.json));
    const response = await fetch(`${this.app.url}${route}`, {
      method,
      headers: {
        'x-functions-key': FUNCTION_KEY,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    const { status, headers } = response;
    const parsed = text === '' ? undefined : JSON.parse(text);
    this.#check ??= fetch(`${this.app.url}/api/openapi.json`).then(async (document) =>
      documentChecker((await document.json()) as OpenApiDocument),
    );
    const fault = (await this.#check)({ method, route, status, headers, body: parsed });
    if (fault !== undefined) throw new Error(fault);
    return { status, headers, body: parsed ?? {} };
  }

  /** Runs a timer or queue function by hand, through the host. */
  async runFunction(name: string, input = ''): Promise<void> {
    await fetch(`${this.app.url}/admin/functions/${name}`, {
      method: 'POST',
      headers: { 'x-functions-key': FUNCTION_KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ input }),
    });
  }

  /** The app anew, with the same settings unless others are given. */
  async restartApp(settings: Record<string, string> = {}): Promise<void> {
    this.app = await startAppProcess({ ...this.#settings, ...settings });
  }

  /** The hub anew: same ports, same keys, what it knew from its snapshot. */
  async restartHub(): Promise<void> {
    const { ports } = this.hub;
    this.hub = await startHub({ ...this.#hubOptions, ports });
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await Promise.all([this.hub.stop(), this.storage.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function hubSettings(hub: SimulatedHub, folder: string): Promise<Record<string, string>> {
  const certificateAuthorityFile = path.join(folder, 'authority.pem');
  await writeFile(certificateAuthorityFile, hub.certificateAuthorityPem);
  const { amqp, mqtt, https } = hub.ports;
  return {
    DOWNLINK_IOTHUB_CONNECTION_STRING: hub.connectionString('iothubowner'),
    DOWNLINK_SIMULATED_HUB: JSON.stringify({
      hostName: hub.hostName,
      ports: { 5671: amqp, 8883: mqtt, 443: https },
      certificateAuthorityFile,
    }),
  };
}
