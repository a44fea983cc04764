import type { MessageSender } from '../messages/message.ts';
import { notAcceptedError, sendError, connectionError } from './iothub-errors.ts';
import type { ServiceClient } from './service-client.ts';
import type { SharedConnection } from './shared-connection.ts';
import { TimedOut, within } from './within.ts';

/**
 * Sends over the one service client of the process. `sendTimeoutMs` bounds a send as a whole: opening the connection,
 * when there is none, has its own bound inside it.
 */
export function iotHubMessageSender(options: {
  clients: SharedConnection<ServiceClient>;
  sendTimeoutMs: number;
}): MessageSender {
  const { clients, sendTimeoutMs } = options;
  return {
    async send(message) {
      const startedAt = performance.now();
      const lease = await clients.acquire();
      const client = lease.connection;
      try {
        if (!client.usable) throw connectionError(new Error('The connection was lost at once'));
        const remainingMs = sendTimeoutMs - (performance.now() - startedAt);
        const answer = await within(remainingMs, 'The send', client.send(message));
        if (answer === 'not-accepted') throw notAcceptedError();
      } catch (error) {
        // A link that swallowed one message is not trusted with the next.
        if (error instanceof TimedOut) clients.drop(client);
        throw sendError(error);
      } finally {
        lease.release();
      }
    },
  };
}
