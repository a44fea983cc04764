import type { Receiver } from 'rhea-promise';

/**
 * The Event Hubs client asks its receiver for its address when a request for a token gets no answer in time or is
 * given up. rhea-promise throws there once the hub has closed the connection, as nothing is left to read the address
 * from: out of a timer, where nobody can catch it, and before the client learns of the time-out, which it would mend
 * with a new connection. @azure/core-amqp 4.4.2 (requestResponseLink.js) is ready for no address.
 */
export function letLinksHaveNoAddress(receiver: typeof Receiver): void {
  Object.defineProperty(receiver.prototype, 'address', {
    configurable: true,
    get(this: { readonly source?: { readonly address?: string } }): string | undefined {
      return this.source?.address;
    },
  });
}
