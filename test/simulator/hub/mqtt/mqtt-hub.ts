import common from 'azure-iot-common';
import device, { type Client } from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import { once } from 'node:events';
import net from 'node:net';
import { Authenticator } from '../../../../simulator/hub/auth/authenticator.ts';
import { FaultPlan } from '../../../../simulator/hub/faults/fault-plan.ts';
import { startMqttHead } from '../../../../simulator/hub/mqtt/mqtt-head.ts';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import type { NewCloudToDeviceMessage } from '../../../../simulator/hub/state/cloud-to-device-message.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import type { SharedAccessPolicy } from '../../../../simulator/hub/state/shared-access-policies.ts';
import { newHubCertificate } from '../../../../simulator/hub/tls/hub-certificate.ts';
import { boundedWireLog } from '../../../../simulator/hub/wire-log.ts';
import { aMessage } from '../state/builders.ts';
import { RawMqttClient, type RawMqttOptions } from './raw-mqtt-client.ts';

const CERTIFICATE = await newHubCertificate('localhost', Date.now());
export const AUTHORITY_PEM = CERTIFICATE.ca;
export const HOUR_MS = 3_600_000;

export interface Token {
  deviceId?: string;
  resource?: string;
  key?: string;
  policyName?: string;
  lifetimeSeconds?: number;
}

/** An MQTT head on real sockets; the hub's clock and the wall clock stand still until moved. */
export async function startMqttHub(deviceIds: readonly string[] = ['device-1']) {
  const clock = new ManualClock();
  const wallClock = new ManualClock(Date.now());
  const state = new HubState({ clock });
  const faults = new FaultPlan(wallClock);
  const log = boundedWireLog();
  for (const deviceId of deviceIds) state.registry.create({ deviceId });
  const head = await startMqttHead({
    state,
    authenticator: new Authenticator(state, () => wallClock.now()),
    faults,
    log,
    tls: CERTIFICATE,
    port: 0,
    wallClock,
  });
  const raw = new Set<RawMqttClient>();
  const clients = new Set<Client>();

  function token(request: Token = {}): string {
    const { deviceId = 'device-1', lifetimeSeconds = 3600 } = request;
    const resource = request.resource ?? `localhost/devices/${deviceId}`;
    const key = request.key ?? state.registry.get(deviceId).primaryKey;
    const expiry = Math.floor(wallClock.now() / 1000) + lifetimeSeconds;
    const encoded = encodeURIComponent(resource);
    const { policyName = '' } = request;
    return common.SharedAccessSignature.create(encoded, policyName, key, expiry).toString();
  }

  function policy(name: string): SharedAccessPolicy {
    const found = state.policies.find(name);
    if (found === undefined) throw new Error(`There is no policy ${name}`);
    return found;
  }

  async function openRaw(): Promise<RawMqttClient> {
    const client = await RawMqttClient.open(head.port, AUTHORITY_PEM);
    raw.add(client);
    return client;
  }

  async function connectRaw(options: Partial<RawMqttOptions> = {}): Promise<RawMqttClient> {
    const { deviceId = 'device-1' } = options;
    const client = await openRaw();
    client.connect({ ...options, deviceId, password: options.password ?? token({ deviceId }) });
    return client;
  }

  /** A TCP connection that never begins with TLS. */
  async function openTcp(): Promise<{ closed: () => Promise<unknown> }> {
    const socket = net.connect({ host: 'localhost', port: head.port });
    const closed = once(socket, 'close');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return { closed: () => closed };
  }

  /** The official SDK, with no retries unless the test sets some. */
  async function sdkClient(
    deviceId = 'device-1',
    options: object = {},
    text = connectionString(deviceId),
  ): Promise<Client> {
    const client = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
    client.setRetryPolicy(new common.NoRetry());
    clients.add(client);
    await client.setOptions({ ca: AUTHORITY_PEM, ...options });
    return client;
  }

  function connectionString(deviceId = 'device-1'): string {
    const { primaryKey } = state.registry.get(deviceId);
    return `HostName=localhost;DeviceId=${deviceId};SharedAccessKey=${primaryKey};GatewayHostName=localhost:${head.port}`;
  }

  function enqueue(changes: Partial<NewCloudToDeviceMessage> = {}, deviceId = 'device-1') {
    return state.cloudToDevice.enqueue(
      deviceId,
      aMessage({ to: `/devices/${deviceId}/messages/devicebound`, ...changes }),
    );
  }

  /** What became of a message, in order. */
  function history(messageId = 'message-1'): string[] {
    return state.journal.events({ messageId }).map(({ type }) => type);
  }

  function closeReasons(): unknown[] {
    return log
      .entries()
      .filter(({ event }) => event === 'close')
      .map(({ detail }) => detail?.['reason']);
  }

  async function stop(): Promise<void> {
    await Promise.all([...clients].map(async (client) => client.close()));
    for (const client of raw) client.destroy();
    await head.stop();
    state.stop();
  }

  return {
    head,
    state,
    clock,
    wallClock,
    faults,
    log,
    token,
    policy,
    openRaw,
    openTcp,
    connectRaw,
    sdkClient,
    connectionString,
    enqueue,
    history,
    closeReasons,
    stop,
  };
}

export type MqttHub = Awaited<ReturnType<typeof startMqttHub>>;
