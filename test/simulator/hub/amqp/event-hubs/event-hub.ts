import {
  EventHubConsumerClient,
  type EventHubConsumerClientOptions,
  type EventPosition,
  type ReceivedEventData,
  type SubscribeOptions,
} from '@azure/event-hubs';
import { mapPorts } from '../../../../../simulator/loopback/map-ports.ts';
import {
  startHub,
  type SimulatedHub,
  type SimulatedHubOptions,
} from '../../../../../simulator/hub/simulated-hub.ts';
import { ManualClock } from '../../../../../simulator/hub/state/clock.ts';
import type { NewDeviceEvent } from '../../../../../simulator/hub/state/device-event.ts';
import { until } from '../../../../support/until.ts';

export interface Reading {
  readonly events: ReceivedEventData[];
  readonly errors: (Error & { code?: string })[];
  texts(): string[];
  /** Once there are as many. */
  untilCount(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A whole hub and the official Event Hubs client. */
export async function startEventHub(options: SimulatedHubOptions = {}) {
  const clock = new ManualClock();
  const hub = await startHub({
    clock,
    devices: [{ deviceId: 'device-1' }],
    settings: { events: { partitionCount: 1 } },
    ...options,
  });
  const unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { 443: hub.ports.https, 5671: hub.ports.amqp },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
  const clients = new Set<EventHubConsumerClient>();

  function client(
    text = hub.eventHubConnectionString(),
    group = '$Default',
    clientOptions: EventHubConsumerClientOptions = {},
  ): EventHubConsumerClient {
    const made = new EventHubConsumerClient(group, text, {
      retryOptions: { maxRetries: 0, timeoutInMs: 5_000 },
      ...clientOptions,
    });
    clients.add(made);
    return made;
  }

  function read(
    reader: EventHubConsumerClient,
    startPosition: EventPosition,
    subscribeOptions: SubscribeOptions = {},
  ): Reading {
    const events: ReceivedEventData[] = [];
    const errors: Error[] = [];
    const subscription = reader.subscribe(
      '0',
      {
        processEvents: async (batch) => void events.push(...batch),
        processError: async (error) => void errors.push(error),
      },
      { startPosition, maxWaitTimeInSeconds: 1, ...subscribeOptions },
    );
    return {
      events,
      errors,
      texts: () => events.map(({ body }) => String(body)),
      untilCount: async (count) => {
        await until(`${count} events`, () => {
          const [error] = errors;
          if (error) throw error;
          return events.length >= count;
        });
      },
      close: async () => subscription.close(),
    };
  }

  function send(text: string, changes: Partial<NewDeviceEvent> = {}): void {
    hub.state.events.append(
      { entityId: 'device-1' },
      { body: Buffer.from(text), properties: {}, ...changes },
    );
  }

  return {
    hub: hub satisfies SimulatedHub,
    clock,
    client,
    read,
    send,
    async stop() {
      await Promise.all([...clients].map(async (each) => each.close()));
      unmapPorts();
      await hub.stop();
    },
  };
}

export type EventHub = Awaited<ReturnType<typeof startEventHub>>;
