import { mapPorts, startHub } from '@downlink/simulator';
import type { SimulatedHub } from '@downlink/simulator';
import { connectIotHub } from '../../../functions/iothub/iothub.ts';
import type { IotHub } from '../../../functions/iothub/iothub.ts';
import type { OutgoingMessage } from '../../../functions/messages/message.ts';

type HubOptions = NonNullable<Parameters<typeof startHub>[0]>;
type ConnectOptions = Partial<Parameters<typeof connectIotHub>[0]>;

/** A simulated hub on real sockets, and the app's edge to it. */
export async function startHubUnderTest(options: HubOptions = {}) {
  const hub = await startHub({ devices: [{ deviceId: 'device-1' }], ...options });
  const unmapPorts = mapPorts({
    hostName: hub.hostName,
    ports: { 5671: hub.ports.amqp, 443: hub.ports.https },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
  const connected = new Set<IotHub>();

  function connect(given: ConnectOptions = {}): IotHub {
    const iotHub = connectIotHub({
      connectionString: hub.connectionString(),
      sendTimeoutMs: 4_000,
      now: Date.now,
      ...given,
      bounds: { closeMs: 200, ...given.bounds },
    });
    connected.add(iotHub);
    return iotHub;
  }

  return {
    hub,
    connect,
    /** What the hub's wire log holds of an event. */
    seen: (event: string, detail: Record<string, unknown> = {}) => seen(hub, event, detail),
    async stop() {
      await Promise.all([...connected].map(async (each) => each.close()));
      await hub.stop();
      unmapPorts();
    },
  };
}

export type HubUnderTest = Awaited<ReturnType<typeof startHubUnderTest>>;

function seen(hub: SimulatedHub, event: string, detail: Record<string, unknown>): number {
  return hub.log
    .entries()
    .filter((entry) => entry.event === event)
    .filter((entry) =>
      Object.entries(detail).every(([name, value]) => entry.detail?.[name] === value),
    ).length;
}

export function aMessage(given: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    deviceId: 'device-1',
    messageId: 'message-1',
    body: Buffer.from('{"on":true}'),
    properties: {},
    ack: 'full',
    expiresAt: Date.now() + 60_000,
    ...given,
  };
}
