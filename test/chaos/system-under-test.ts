import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mapPorts, startHub } from '@downlink/simulator';
import type { SimulatedHub } from '@downlink/simulator';
import { startAppProcess } from '../support/app-process.ts';
import type { AppProcess } from '../support/app-process.ts';
import { startStorageEmulatorProcess } from '../support/storage-emulator.ts';
import type { StorageEmulatorProcess } from '../support/storage-emulator.ts';
import { startStorageProxies } from '../support/tcp-proxy.ts';
import type { StorageProxies } from '../support/tcp-proxy.ts';
import { HubTruth } from './hub-truth.ts';

const FUNCTION_KEY = 'local-development-key';
/** Two instances share hub and storage, as on a plan that scales out. */
const INSTANCES = 2;

export const HAND_OVER_SECONDS = 4;
/** The clocks of two app processes are apart by this much at the most. */
export const CLOCKS_DIFFER_MS = 1_000;
export const FEEDBACK_TTL_SECONDS = 60;
/** How long a device may keep a message: short, so that a forgotten one comes again. */
const LOCK_MS = 2_000;

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

type HubOptions = NonNullable<Parameters<typeof startHub>[0]>;

/** The whole of Downlink with everything that can be taken from it: hub, storage behind proxies, two app processes. */
export class SystemUnderTest {
  readonly truth = new HubTruth();
  readonly #folder: string;
  readonly #hubOptions: HubOptions;
  readonly #storage: StorageEmulatorProcess;
  readonly #settings: Record<string, string>;
  readonly #appRoot: string | undefined;
  readonly #unmapPorts: () => void;
  readonly #apps: (AppProcess | undefined)[] = [];
  readonly storage: StorageProxies;
  hub: SimulatedHub;

  private constructor(made: {
    folder: string;
    hub: SimulatedHub;
    hubOptions: HubOptions;
    storage: StorageEmulatorProcess;
    proxies: StorageProxies;
    settings: Record<string, string>;
    appRoot: string | undefined;
    unmapPorts: () => void;
  }) {
    this.#folder = made.folder;
    this.hub = made.hub;
    this.#hubOptions = made.hubOptions;
    this.#storage = made.storage;
    this.storage = made.proxies;
    this.#settings = made.settings;
    this.#appRoot = made.appRoot;
    this.#unmapPorts = made.unmapPorts;
    this.truth.follow(made.hub);
  }

  static async start(options: {
    deviceIds: readonly string[];
    /** Another build of the app than the one that is deployed. */
    appRoot?: string;
  }): Promise<SystemUnderTest> {
    const folder = await mkdtemp(path.join(tmpdir(), 'downlink-chaos-'));
    const hubOptions: HubOptions = {
      settings: {
        cloudToDevice: { lockMs: LOCK_MS },
        // As the template sets it: crashes between storing and settling must not use it up.
        feedback: { intervalMs: 1_000, maxDeliveryCount: 100 },
      },
      devices: options.deviceIds.map((deviceId) => ({ deviceId })),
      dataFolder: path.join(folder, 'hub'),
    };
    const [hub, storage] = await Promise.all([
      startHub(hubOptions),
      startStorageEmulatorProcess({ folder: path.join(folder, 'storage') }),
    ]);
    const proxies = await startStorageProxies(storage.connectionString);
    const certificateAuthorityFile = path.join(folder, 'authority.pem');
    await writeFile(certificateAuthorityFile, hub.certificateAuthorityPem);
    const ports = { 5671: hub.ports.amqp, 8883: hub.ports.mqtt, 443: hub.ports.https };
    const { hostName, certificateAuthorityPem } = hub;
    const system = new SystemUnderTest({
      folder,
      hub,
      hubOptions: { ...hubOptions, ports: hub.ports },
      storage,
      proxies,
      appRoot: options.appRoot,
      unmapPorts: mapPorts({ hostName, ports, certificateAuthorityPem }),
      settings: {
        DOWNLINK_IOTHUB_CONNECTION_STRING: hub.connectionString(),
        DOWNLINK_SIMULATED_HUB: JSON.stringify({ hostName, ports, certificateAuthorityFile }),
        AzureWebJobsStorage: proxies.connectionString,
        DOWNLINK_AUTH: 'key',
        DOWNLINK_HAND_OVER_SECONDS: String(HAND_OVER_SECONDS),
        DOWNLINK_FEEDBACK_TTL_SECONDS: String(FEEDBACK_TTL_SECONDS),
        AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.200',
      },
    });
    await Promise.all(
      Array.from({ length: INSTANCES }, async (_, instance) => system.startApp(instance)),
    );
    return system;
  }

  async startApp(instance: number, clockOffsetMs = 0): Promise<void> {
    this.#apps[instance] = await startAppProcess(
      { ...this.#settings, CHAOS_CLOCK_OFFSET_MS: String(clockOffsetMs) },
      {
        nodeOptions: ['--import', path.join(import.meta.dirname, 'shifted-clock.js')],
        ...(this.#appRoot !== undefined && { appRoot: this.#appRoot }),
      },
    );
  }

  /** `kill -9`, and a new process with a clock that is a little wrong. */
  async killApp(instance: number, clockOffsetMs: number): Promise<void> {
    const app = this.#apps[instance];
    this.#apps[instance] = undefined;
    await app?.kill();
    await this.startApp(instance, clockOffsetMs);
  }

  async restartHub(): Promise<void> {
    await this.hub.stop();
    this.hub = await startHub(this.#hubOptions);
    this.truth.follow(this.hub);
  }

  /** Undefined if no whole answer came. */
  async call(
    method: string,
    route: string,
    request: { json?: unknown; headers?: Record<string, string>; instance: number },
  ): Promise<Answer | undefined> {
    const app = this.#apps[request.instance % INSTANCES];
    if (!app) {
      await sleep(50);
      return undefined;
    }
    const { json } = request;
    try {
      const response = await fetch(`${app.url}${route}`, {
        method,
        headers: {
          'x-functions-key': FUNCTION_KEY,
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...request.headers,
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
    } catch {
      await sleep(50);
      return undefined;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#apps.map(async (app) => app?.kill()));
    await Promise.all([this.storage.table.stop(), this.storage.queue.stop()]);
    await Promise.all([this.hub.stop(), this.#storage.stop()]);
    this.#unmapPorts();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
