import common from 'azure-iot-common';
import iothub, { type Client } from 'azure-iothub';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { startAmqpHead } from '../../../../simulator/hub/amqp/amqp-head.ts';
import { Authenticator } from '../../../../simulator/hub/auth/authenticator.ts';
import { FaultPlan } from '../../../../simulator/hub/faults/fault-plan.ts';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import type { JournalEvent } from '../../../../simulator/hub/state/journal.ts';
import type { HubSettingsInput } from '../../../../simulator/hub/state/settings.ts';
import type { SharedAccessPolicy } from '../../../../simulator/hub/state/shared-access-policies.ts';
import { newHubCertificate } from '../../../../simulator/hub/tls/hub-certificate.ts';
import { boundedWireLog } from '../../../../simulator/hub/wire-log.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';
import { until } from '../../../support/until.ts';
import { aMessage } from '../state/builders.ts';
import { RawAmqpClient } from './raw-amqp-client.ts';

const CERTIFICATE = await newHubCertificate('localhost', Date.now());
const AMQPS_PORT = 5671;

export interface Token {
  policyName?: string;
  key?: string;
  resource?: string;
  lifetimeSeconds?: number;
}

/** An AMQP head on real sockets; the hub's clock and the wall clock stand still until moved. */
export async function startAmqpHub(settings: HubSettingsInput = {}) {
  const clock = new ManualClock();
  const wallClock = new ManualClock(Date.now());
  const state = new HubState({ clock, settings });
  state.registry.create({ deviceId: 'device-1' });
  const history: JournalEvent[] = [];
  state.journal.onEvent((event) => history.push(event));
  const faults = new FaultPlan(wallClock);
  const log = boundedWireLog();
  const head = await startAmqpHead({
    state,
    authenticator: new Authenticator(state, () => wallClock.now()),
    faults,
    log,
    tls: CERTIFICATE,
    port: 0,
    wallClock,
  });
  const unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { [AMQPS_PORT]: head.port },
    certificateAuthorityPem: CERTIFICATE.ca,
  });
  const clients = new Set<Client>();
  const raw = new Set<RawAmqpClient>();

  function policy(name: string): SharedAccessPolicy {
    const found = state.policies.find(name);
    if (found === undefined) throw new Error(`There is no policy ${name}`);
    return found;
  }

  function token(request: Token = {}): string {
    const { policyName = 'service', resource = 'localhost', lifetimeSeconds = 3600 } = request;
    const key = request.key ?? policy(policyName).primaryKey;
    const expiry = Math.floor(wallClock.now() / 1000) + lifetimeSeconds;
    return common.SharedAccessSignature.create(
      encodeURIComponent(resource),
      policyName,
      key,
      expiry,
    ).toString();
  }

  function connectionString(policyName = 'service', key = policy(policyName).primaryKey): string {
    return `HostName=localhost;SharedAccessKeyName=${policyName};SharedAccessKey=${key}`;
  }

  /** The official service SDK, with no retries. */
  function sdkClient(text = connectionString()): Client {
    const client = iothub.Client.fromConnectionString(text);
    client.setRetryPolicy(new common.NoRetry());
    clients.add(client);
    return client;
  }

  /** rhea, for what the SDK never does. */
  async function rawClient(options: { sasl?: boolean } = {}): Promise<RawAmqpClient> {
    const client = await RawAmqpClient.open(head.port, CERTIFICATE.ca, options);
    raw.add(client);
    return client;
  }

  /** One that has put a token. */
  async function authorizedRawClient(request: Token = {}): Promise<RawAmqpClient> {
    const client = await rawClient();
    const status = await client.putToken(token(request));
    if (status.code !== 200) throw new Error(`put-token: ${status.description}`);
    return client;
  }

  /** Bytes by hand. */
  async function openTls(): Promise<tls.TLSSocket> {
    const socket = tls.connect({ host: 'localhost', port: head.port, ca: CERTIFICATE.ca });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    return socket.resume();
  }

  async function openTcp(): Promise<net.Socket> {
    const socket = net.connect({ host: 'localhost', port: head.port });
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket.resume();
  }

  /** A message that its device completed: a record of feedback. */
  function completeMessage(messageId: string): void {
    state.cloudToDevice.enqueue('device-1', aMessage({ messageId }));
    const delivery = state.cloudToDevice.receive('device-1');
    if (!delivery) throw new Error('Nothing to receive');
    state.cloudToDevice.complete('device-1', delivery.lockToken);
  }

  function events(event: string) {
    return log.entries().filter((entry) => entry.event === event);
  }

  async function untilLogged(event: string, count = 1): Promise<void> {
    await until(`${count} of '${event}' in the log`, () => events(event).length >= count);
  }

  async function stop(): Promise<void> {
    for (const client of raw) client.destroy();
    await Promise.all([...clients].map(async (client) => client.close().catch(() => {})));
    await head.stop();
    unmapPorts();
    state.stop();
  }

  return {
    head,
    state,
    history,
    clock,
    wallClock,
    faults,
    log,
    policy,
    token,
    connectionString,
    sdkClient,
    rawClient,
    authorizedRawClient,
    openTls,
    openTcp,
    completeMessage,
    events,
    untilLogged,
    stop,
  };
}

export type AmqpHub = Awaited<ReturnType<typeof startAmqpHub>>;
