import type { HubContext } from '../hub-context.ts';
import type { SendingHandler, SendingRoute } from '../link-route.ts';

const AMQPS_PORT = 5671;
/** Clients listen for the error once they have seen the attach. */
const AFTER_ATTACH_MS = 20;
const NOTHING: SendingHandler = { onFlow: () => {}, onOutcome: () => {}, close: () => {} };

/**
 * Tells those who come with the hub's own address where its events are, in the way of
 * AMQP 1.0 §2.8.18; others make a connection string of Event Hubs out of it.
 */
export function eventsRedirect({ authenticator, state }: HubContext): SendingRoute {
  return {
    role: 'sender',
    address: /^\/messages\/events(\/\$management)?$/i,
    authorize(token) {
      authenticator.service(token, 'serviceConnect', ['messages', 'events', '$management']);
    },
    open(_sender, context) {
      const { hostName } = state;
      const [, rest = ''] = context.match;
      // The port is where everyone looks for AMQP, and what those who read this look for.
      const address = `amqps://${hostName}:${AMQPS_PORT}/${state.events.name}${rest}`;
      context.peer.schedule(AFTER_ATTACH_MS, () =>
        context.detach({
          condition: 'amqp:link:redirect',
          description: 'The events of the hub are at its Event Hubs-compatible endpoint',
          info: { hostname: hostName, 'network-host': hostName, port: AMQPS_PORT, address },
        }),
      );
      return NOTHING;
    },
  };
}
