import sdkAmqp from 'azure-iothub/dist/amqp.js';
// Half the load time of the package's main module, which brings the registry, jobs and digital twins along.
import sdk from 'azure-iothub/dist/client.js';
import type { Client } from 'azure-iothub/dist/client.js';
import sdkRetry from 'azure-iothub/dist/common-core/retry_policy.js';
import type { OutgoingMessage } from '../messages/message.ts';
import { hubTokens, type HubCredentials, type TokenCredential } from './hub-tokens.ts';
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
  credentials: HubCredentials;
  now: () => number;
  openTimeoutMs: number;
  closeTimeoutMs: number;
}): Promise<ServiceClient> {
  const { credentials, now, openTimeoutMs, closeTimeoutMs } = options;
  const amqp = new WatchedAmqp(closeTimeoutMs);
  const tokens = hubTokens(credentials, now);
  const client = newSdkClient(credentials, amqp);
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
      const { value } = await tokens.make();
      await new Promise<void>((resolve, reject) => {
        amqp.putToken(tokens.audience, value, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    },
    close: async () => amqp.hangUp(),
  };
}

function newSdkClient(credentials: HubCredentials, amqp: WatchedAmqp): Client {
  const { hostName } = credentials;
  if ('credential' in credentials) {
    const credential = retiringWhenRefused(credentials.credential, amqp);
    return sdk.Client.fromTokenCredential(hostName, credential, transportOver(amqp));
  }
  const { keyName, key } = credentials;
  return sdk.Client.fromConnectionString(
    `HostName=${hostName};SharedAccessKeyName=${keyName};SharedAccessKey=${key}`,
    transportOver(amqp),
  );
}

/** The SDK asks for a new token once: if there is none then, it goes on without and never asks again. */
function retiringWhenRefused(credential: TokenCredential, amqp: WatchedAmqp): TokenCredential {
  return {
    async getToken(scopes) {
      try {
        return await credential.getToken(scopes);
      } catch (error) {
        amqp.retire();
        throw error;
      }
    },
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
