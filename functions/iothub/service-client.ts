import sdkAmqp from 'azure-iothub/dist/amqp.js';
// Half the load time of the package's main module, which brings the registry, jobs and digital twins along.
import sdk from 'azure-iothub/dist/client.js';
import type { Client } from 'azure-iothub/dist/client.js';
import sdkRetry from 'azure-iothub/dist/common-core/retry_policy.js';
import type { OutgoingMessage } from '../messages/message.ts';
import { audienceOf, sasToken, TOKEN_LIFETIME_MS } from './sas-token.ts';
import type { IotHubCredentials } from './connection-string.ts';
import type { Connection } from './shared-connection.ts';
import { toSdkMessage } from './to-sdk-message.ts';
import { WatchedAmqp } from './watched-amqp.ts';
import { within } from './within.ts';

/** The service SDK's client over one AMQP connection, ready to send. */
export interface ServiceClient extends Connection {
  /** Settles with what the hub said. Has no bound of its own; rejects with the SDK's errors. */
  send(message: OutgoingMessage): Promise<'accepted' | 'not-accepted'>;
  /** Puts a fresh token: one round trip that shows whether the hub answers and takes our credentials. */
  putToken(): Promise<void>;
}

/** Connects, authorizes and attaches the link for messages. Until this is done the hub has been handed nothing. */
export async function openServiceClient(options: {
  credentials: IotHubCredentials;
  now: () => number;
  openTimeoutMs: number;
  closeTimeoutMs: number;
}): Promise<ServiceClient> {
  const { credentials, now, openTimeoutMs, closeTimeoutMs } = options;
  const amqp = new WatchedAmqp(closeTimeoutMs);
  const client = sdk.Client.fromConnectionString(
    `HostName=${credentials.hostName};SharedAccessKeyName=${credentials.keyName};SharedAccessKey=${credentials.key}`,
    transportOver(amqp),
  );
  // The SDK's own policy repeats for up to four minutes, also what the hub may have taken.
  client.setRetryPolicy(new sdkRetry.NoRetry());
  try {
    await within(openTimeoutMs, 'Connecting to the hub', openWithLink(client, amqp));
  } catch (error) {
    const { socketError } = amqp;
    amqp.cutOff(error);
    throw socketError === undefined
      ? error
      : new Error('The connection to the hub could not be opened', { cause: socketError });
  }
  return {
    get usable() {
      return amqp.usable;
    },
    async send(message) {
      const answer = await client.send(message.deviceId, toSdkMessage(message));
      // The SDK takes every disposition without an error for success; only `accepted` brings a result.
      return (answer.result as unknown) === undefined ? 'not-accepted' : 'accepted';
    },
    async putToken() {
      const token = sasToken(credentials, now() + TOKEN_LIFETIME_MS);
      await new Promise<void>((resolve, reject) => {
        amqp.putToken(audienceOf(credentials), token, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    },
    close: async () => amqp.hangUp(),
  };
}

async function openWithLink(client: Client, amqp: WatchedAmqp): Promise<void> {
  let reason: unknown;
  client.on('disconnect', (event: { reason?: unknown }) => {
    reason = event.reason;
  });
  // Neither opening nor attaching ends if the connection goes meanwhile. What they have to tell they tell first.
  const lost = new Promise<never>((_resolve, reject) => {
    amqp.onLost(() =>
      setImmediate(() => reject(new Error('The connection was lost', { cause: reason }))),
    );
  });
  const opened = client.open().then(async () => amqp.attachCloudToDeviceLink());
  await Promise.race([opened, lost]);
}

function transportOver(amqp: WatchedAmqp): Client.TransportCtor {
  return class extends sdkAmqp.Amqp {
    constructor(config: Client.TransportConfigOptions) {
      super(config, amqp);
    }
  };
}
