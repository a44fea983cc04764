import { jest } from '@jest/globals';
import { mapPorts, startHub } from '@downlink/simulator';
import type { SimulatedHub } from '@downlink/simulator';
import { DownlinkError } from '../../../functions/errors.ts';
import { connectIotHub } from '../../../functions/iothub/iothub.ts';
import type { IotHub } from '../../../functions/iothub/iothub.ts';
import type { OutgoingMessage } from '../../../functions/messages/message.ts';

type HubOptions = NonNullable<Parameters<typeof startHub>[0]>;
type ConnectOptions = Partial<Parameters<typeof connectIotHub>[0]>;

/** Long enough for a machine that has other things to do. */
export const SEND_TIMEOUT_MS = 10_000;

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
      sendTimeoutMs: SEND_TIMEOUT_MS,
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

/** Holds `setTimeout` until it is advanced; the sockets go on. */
export function pauseTimers(): void {
  jest.useFakeTimers({
    doNotFake: [
      'Date',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
    ],
  });
}

/** Plays a device that takes a message and completes it: the hub reports on it. */
export function reportSuccess({ state }: SimulatedHub, messageId: string): void {
  const { cloudToDevice } = state;
  cloudToDevice.enqueue('device-1', {
    messageId,
    to: '/devices/device-1/messages/devicebound',
    body: Buffer.alloc(0),
    properties: {},
    ack: 'full',
  });
  const delivery = cloudToDevice.receive('device-1');
  if (!delivery) throw new Error('no message waits');
  cloudToDevice.complete('device-1', delivery.lockToken);
}

/** The error of ours that something ends with. */
export async function refused(work: Promise<unknown>): Promise<DownlinkError> {
  const error: unknown = await work.then(
    () => new Error('it went well'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DownlinkError)) throw new Error('not an error of ours', { cause: error });
  return error;
}
