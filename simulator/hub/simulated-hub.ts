import { join } from 'node:path';
import { adminHandler } from './admin/admin-handler.ts';
import { startAmqpHead, type AmqpHead } from './amqp/amqp-head.ts';
import { Authenticator } from './auth/authenticator.ts';
import type { EntraSettingsInput } from './auth/entra-settings.ts';
import { EntraTenant } from './auth/entra-tenant.ts';
import { feedbackFaults } from './faults/feedback-faults.ts';
import { FaultPlan } from './faults/fault-plan.ts';
import type { HeadOptions } from './head-options.ts';
import { startHttpsHead, type HttpsHead } from './https/https-head.ts';
import { startMqttHead, type MqttHead } from './mqtt/mqtt-head.ts';
import { checkSeed, type HubSeed } from './seed.ts';
import { restoreState, SnapshotWriter } from './snapshot-file.ts';
import { systemClock, type Clock } from './state/clock.ts';
import { HubState, type SeedDevice } from './state/hub-state.ts';
import { identityKey } from './state/identity-key.ts';
import type { MovableClock } from './state/movable-clock.ts';
import type { ServiceTier } from './state/service-tiers.ts';
import type { HubSettingsInput } from './state/settings.ts';
import { hubCertificate } from './tls/certificate-store.ts';
import { webSocketUpgrades } from './websockets/websocket-upgrades.ts';
import { boundedWireLog, type WireLog } from './wire-log.ts';

export interface SimulatedHubOptions {
  /** `localhost` unless told otherwise. */
  readonly hostName?: string;
  /** 0, the default, is any free one. */
  readonly ports?: {
    readonly amqp?: number;
    readonly mqtt?: number;
    readonly https?: number;
    /** AMQP without TLS, as Event Hubs clients with `UseDevelopmentEmulator=true` want it; not listened on unless given. */
    readonly plainAmqp?: number;
  };
  /** Of the Event Hubs-compatible endpoint, besides `$Default`. */
  readonly consumerGroups?: readonly string[];
  /** Addresses to listen on instead of 127.0.0.1 and ::1. */
  readonly hosts?: readonly string[];
  readonly settings?: HubSettingsInput;
  /** Throttles and daily quota of a hub of this size, such as `{ sku: 'S1', units: 1 }`; none without it. */
  readonly limits?: ServiceTier;
  /** Rules queues, locks, feedback and methods; tokens follow `wallClock`, certificates the machine's. */
  readonly clock?: Clock;
  /** Rules the validity of tokens and what the heads wait for, instead of the machine's. */
  readonly wallClock?: Clock;
  /** Registered unless they are there from an earlier run. */
  readonly devices?: readonly SeedDevice[];
  /** More of them, as from a seed file; throws an InvalidSeedError that names every fault. */
  readonly seed?: HubSeed;
  /** May sign the certificates of devices whose authentication type is `certificateAuthority`. */
  readonly certificateAuthorities?: readonly { name: string; certificatePem: string }[];
  /** Whose Entra tokens are taken, and who may do what; without it none are. */
  readonly entra?: EntraSettingsInput;
  /** The log keeps what is sent and received, too, as far as there is room. */
  readonly logPayloads?: boolean;
  /** For state and certificate; without it nothing survives. */
  readonly dataFolder?: string;
  /** What goes wrong later and has no caller to be told: the state could not be saved. */
  readonly onProblem?: (text: string) => void;
}

export interface SimulatedHub {
  readonly hostName: string;
  readonly ports: {
    readonly amqp: number;
    readonly mqtt: number;
    readonly https: number;
    readonly plainAmqp?: number;
  };
  readonly certificateAuthorityPem: string;
  /** The same as a file, if there is a data folder. */
  readonly certificateAuthorityFile?: string;
  /** What its user should know about this start, such as a certificate that was replaced. */
  readonly notices: readonly string[];
  readonly state: HubState;
  /** `clock.advance(ms)` lets time pass for queues, locks, feedback and methods. */
  readonly clock: MovableClock;
  /** `entra.replace(settings)` rotates keys and changes who may do what. */
  readonly entra: EntraTenant;
  readonly faults: FaultPlan;
  readonly log: WireLog;
  readonly amqp: AmqpHead;
  readonly mqtt: MqttHead;
  readonly https: HttpsHead;
  /** Of the policy `iothubowner` unless told otherwise. */
  connectionString(policyName?: string): string;
  /** Of one of its modules, if told which. */
  deviceConnectionString(deviceId: string, moduleId?: string): string;
  /** For Event Hubs clients. Of the policy `service` unless told otherwise. */
  eventHubConnectionString(policyName?: string): string;
  /** Closes every socket and timer and saves the state. */
  stop(): Promise<void>;
}

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const STATE_FILE = 'hub-state.json';
/** Where clients look that are told no port. */
const AMQPS_PORT = 5671;

/** Starts a hub that answers over AMQP, MQTT and HTTPS once this resolves. */
export async function startHub(options: SimulatedHubOptions = {}): Promise<SimulatedHub> {
  const { hostName = 'localhost', dataFolder, ports = {}, wallClock = systemClock() } = options;
  if (!HOST_NAME.test(hostName)) throw new Error(`'${hostName}' is not the name of a host`);
  const { state, seed, writer, notices } = await openState(options, hostName);
  const { certificate, replaced } = await hubCertificate({
    hostName,
    now: Date.now(),
    ...(dataFolder !== undefined && { folder: dataFolder }),
  });
  const now = (): number => wallClock.now();
  const entra = new EntraTenant(now, options.entra);
  const authenticator = new Authenticator(state, now, entra);
  const faults = new FaultPlan(wallClock);
  state.feedbackMishaps = feedbackFaults(faults);
  const log = boundedWireLog();
  log.keepsPayloads = options.logPayloads ?? false;
  const head = (port = 0): HeadOptions => ({
    state,
    authenticator,
    faults,
    log,
    tls: certificate,
    port,
    ...(options.hosts && { hosts: [...options.hosts] }),
  });
  const heads = await startHeads(
    startAmqpHead({
      ...head(ports.amqp),
      wallClock,
      ...(ports.plainAmqp !== undefined && { plainPort: ports.plainAmqp }),
    }),
    startMqttHead({ ...head(ports.mqtt), wallClock }),
    startHttpsHead(head(ports.https)),
  ).catch((error: unknown) => {
    state.stop();
    throw error;
  });
  heads.https.onUpgrade(
    webSocketUpgrades({
      log,
      heads: new Map([
        ['AMQPWSB10', heads.amqp.accept],
        ['mqtt', heads.mqtt.accept],
      ]),
    }),
  );
  heads.https.onRequest(
    adminHandler({
      state,
      authenticator,
      entra,
      faults,
      log,
      connections: {
        list: (protocol) => heads[protocol].connections(),
        drop: (protocol) => heads[protocol].dropConnections(),
        closeAmqp: (error) => heads.amqp.closeConnections(error),
        detachAmqpLinks: (suffix, condition) => heads.amqp.detachLinks(suffix, condition),
      },
      resetState: () => {
        state.reset(seed);
        state.throttles.set(options.limits);
      },
    }),
  );
  await writer?.flush();
  let stopping: Promise<void> | undefined;
  return {
    hostName,
    ports: {
      amqp: heads.amqp.port,
      mqtt: heads.mqtt.port,
      https: heads.https.port,
      ...(heads.amqp.plainPort !== undefined && { plainAmqp: heads.amqp.plainPort }),
    },
    certificateAuthorityPem: certificate.ca,
    ...(dataFolder !== undefined && { certificateAuthorityFile: join(dataFolder, 'ca.pem') }),
    notices: replaced === undefined ? notices : [...notices, replaced],
    state,
    clock: state.clock,
    entra,
    faults,
    log,
    ...heads,
    connectionString(policyName = 'iothubowner') {
      return `HostName=${hostName};${sharedAccess(policyName)}`;
    },
    deviceConnectionString(deviceId, moduleId) {
      const name = { deviceId, ...(moduleId !== undefined && { moduleId }) };
      const { primaryKey, authenticationType } = state.registry.get(identityKey(name));
      const module = moduleId === undefined ? '' : `ModuleId=${moduleId};`;
      const shown = authenticationType === 'sas' ? `SharedAccessKey=${primaryKey}` : 'x509=true';
      return `HostName=${hostName};DeviceId=${deviceId};${module}${shown}`;
    },
    eventHubConnectionString(policyName = 'service') {
      const { port } = heads.amqp;
      const endpoint = port === AMQPS_PORT ? hostName : `${hostName}:${port}`;
      return `Endpoint=sb://${endpoint}/;${sharedAccess(policyName)};EntityPath=${state.events.name}`;
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };

  function sharedAccess(policyName: string): string {
    const policy = state.policies.find(policyName);
    if (!policy) throw new Error(`The hub has no shared access policy '${policyName}'`);
    return `SharedAccessKeyName=${policyName};SharedAccessKey=${policy.primaryKey}`;
  }

  async function stopAll(): Promise<void> {
    await Promise.all([heads.amqp.stop(), heads.mqtt.stop(), heads.https.stop()]);
    faults.clear();
    state.stop();
    await writer?.stop();
  }
}

async function openState(
  options: SimulatedHubOptions,
  hostName: string,
): Promise<{
  state: HubState;
  /** The devices of the options, with the keys they have. */
  seed: SeedDevice[];
  writer: SnapshotWriter | undefined;
  notices: string[];
}> {
  const { clock, settings, limits, dataFolder, onProblem = () => {} } = options;
  const devices = [
    ...(options.devices ?? []),
    ...(options.seed ? checkSeed(options.seed).devices : []),
  ];
  const stateOptions = {
    hostName,
    ...(clock && { clock }),
    ...(settings && { settings }),
    ...(limits && { limits }),
  };
  const path = dataFolder === undefined ? undefined : join(dataFolder, STATE_FILE);
  const { state, setAside } =
    path === undefined
      ? { state: new HubState(stateOptions) }
      : await restoreState(path, stateOptions);
  for (const device of devices) {
    if (!state.registry.find(identityKey(device))) state.plant(device);
  }
  for (const group of options.consumerGroups ?? []) state.events.consumerGroups.add(group);
  const seed = devices.map((device) => {
    const { authenticationType, primaryKey, secondaryKey } = state.registry.get(
      identityKey(device),
    );
    return Object.assign(
      {},
      device,
      authenticationType === 'sas' && { primaryKey, secondaryKey, authenticationType },
    );
  });
  for (const { name, certificatePem } of options.certificateAuthorities ?? [])
    state.certificateAuthorities.put(name, certificatePem);
  const writer =
    path === undefined
      ? undefined
      : new SnapshotWriter(state, path, (error) =>
          onProblem(`The hub's state could not be saved: ${String(error)}`),
        );
  return { state, seed, writer, notices: setAside === undefined ? [] : [setAside] };
}

/** All or none: if one cannot start, the others are stopped. */
async function startHeads(
  amqp: Promise<AmqpHead>,
  mqtt: Promise<MqttHead>,
  https: Promise<HttpsHead>,
): Promise<{ amqp: AmqpHead; mqtt: MqttHead; https: HttpsHead }> {
  try {
    const [startedAmqp, startedMqtt, startedHttps] = await Promise.all([amqp, mqtt, https]);
    return { amqp: startedAmqp, mqtt: startedMqtt, https: startedHttps };
  } catch (error) {
    for (const starting of await Promise.allSettled([amqp, mqtt, https])) {
      if (starting.status === 'fulfilled') await starting.value.stop();
    }
    throw error;
  }
}
