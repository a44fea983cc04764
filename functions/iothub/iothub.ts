import type { DeviceDirectory, HubProbe } from '../devices/device.ts';
import type { FeedbackSource } from '../messages/feedback.ts';
import type { DeviceQueuePurger, MessageSender } from '../messages/message.ts';
import type { MethodInvoker } from '../methods/method.ts';
import { parseConnectionString } from './connection-string.ts';
import { iotHubDeviceDirectory } from './device-directory.ts';
import { iotHubDeviceMethodInvoker } from './device-method-invoker.ts';
import { iotHubDeviceQueuePurger } from './device-queue-purger.ts';
import { amqpFeedbackSource } from './feedback/amqp-feedback-source.ts';
import { restFeedbackSource } from './feedback/rest-feedback-source.ts';
import { iotHubProbe } from './hub-probe.ts';
import { hubRest } from './hub-rest.ts';
import type { HubCredentials } from './hub-tokens.ts';
import { connectionError } from './iothub-errors.ts';
import { managedIdentity } from './managed-identity.ts';
import { iotHubMessageSender } from './message-sender.ts';
import { sharedConnection } from './shared-connection.ts';

/** How long the hub may take, in milliseconds. */
const BOUNDS = {
  /** To connect for feedback or REST, and to attach. */
  connectMs: 10_000,
  /** To answer a REST request that it can answer at once. */
  requestMs: 15_000,
  /** To answer a method call, beyond what the call allows the device. */
  methodMarginMs: 5_000,
  probeMs: 5_000,
  /** To say that it has no more feedback; a slow answer costs time, never a batch. */
  drainMs: 1_000,
  settleMs: 10_000,
  /** To say goodbye, on connections that nobody waits for. */
  closeMs: 2_000,
  /** Azure's load balancers forget a connection after as long a silence, and tell nobody. */
  idleMs: 4 * 60_000,
};

export interface IotHub {
  readonly sender: MessageSender;
  readonly purger: DeviceQueuePurger;
  readonly invoker: MethodInvoker;
  readonly devices: DeviceDirectory;
  readonly probe: HubProbe;
  readonly feedback: FeedbackSource;
  /** Ends all connections; what is under way on them fails. */
  close(): Promise<void>;
}

/** How we get in: by the key in a connection string, or by the identity that Azure gave this app. */
export type HubAccess =
  | { readonly connectionString: string }
  | { readonly identity: { readonly hostName: string; readonly clientId: string | undefined } };

export interface HubOptions {
  /** `amqp` unless told otherwise. */
  feedbackSource?: 'amqp' | 'rest';
  /** Bounds a send as a whole; half of it may go into connecting. */
  sendTimeoutMs: number;
  now: () => number;
  bounds?: Partial<typeof BOUNDS>;
}

function credentialsFor(access: HubAccess): HubCredentials {
  if (!('identity' in access)) return parseConnectionString(access.connectionString);
  const { hostName, clientId } = access.identity;
  return { hostName, credential: managedIdentity(clientId) };
}

/**
 * The hub as the app sees it. Nothing is connected before its first use. Throws an error that says what is wrong
 * with the connection string.
 */
export function connectIotHub(options: HubAccess & HubOptions): IotHub {
  const { sendTimeoutMs, now } = options;
  const bounds = { ...BOUNDS, ...options.bounds };
  const credentials = credentialsFor(options);
  const shared = { credentials, now, closeTimeoutMs: bounds.closeMs };

  const clients = sharedConnection({
    maxIdleMs: bounds.idleMs,
    now,
    async open() {
      const { openServiceClient } = await import('./service-client.ts');
      return openServiceClient({ ...shared, openTimeoutMs: sendTimeoutMs / 2 }).catch(
        (error: unknown) => Promise.reject(connectionError(error)),
      );
    },
  });
  const feedbackConnections = sharedConnection({
    maxIdleMs: bounds.idleMs,
    now,
    async open() {
      const { openFeedbackConnection } = await import('./feedback/feedback-connection.ts');
      return openFeedbackConnection({ ...shared, openTimeoutMs: bounds.connectMs });
    },
  });
  const rest = hubRest({
    credentials,
    now,
    connectTimeoutMs: bounds.connectMs,
    requestTimeoutMs: bounds.requestMs,
  });

  const amqpFeedback = amqpFeedbackSource({
    connections: feedbackConnections,
    timeouts: {
      attachMs: bounds.connectMs,
      drainMs: bounds.drainMs,
      settleMs: bounds.settleMs,
      detachMs: bounds.closeMs,
    },
  });

  return {
    sender: iotHubMessageSender({ clients, sendTimeoutMs }),
    purger: iotHubDeviceQueuePurger(rest),
    invoker: iotHubDeviceMethodInvoker({ rest, marginMs: bounds.methodMarginMs }),
    devices: iotHubDeviceDirectory(rest),
    probe: iotHubProbe({ clients, probeTimeoutMs: bounds.probeMs }),
    feedback: options.feedbackSource === 'rest' ? restFeedbackSource(rest) : amqpFeedback,
    async close() {
      rest.close();
      await Promise.all([clients.close(), feedbackConnections.close()]);
    },
  };
}
