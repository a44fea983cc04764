import type { HubProbe } from '../devices/device.ts';
import { connectionError } from './iothub-errors.ts';
import type { ServiceClient } from './service-client.ts';
import type { SharedConnection } from './shared-connection.ts';
import { within } from './within.ts';

/**
 * Asks the hub to take a fresh token on the connection over which messages go: one small round trip that shows whether
 * the hub answers, on the port that matters, and takes our credentials. Registry calls would show less and count against
 * a throttle of 100 a minute.
 */
export function iotHubProbe(options: {
  clients: SharedConnection<ServiceClient>;
  probeTimeoutMs: number;
}): HubProbe {
  const { clients, probeTimeoutMs } = options;
  return {
    async check() {
      const lease = await clients.acquire();
      try {
        await within(probeTimeoutMs, 'The probe', lease.connection.putToken());
      } catch (error) {
        clients.drop(lease.connection);
        throw connectionError(error);
      } finally {
        lease.release();
      }
    },
  };
}
