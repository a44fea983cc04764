import type { ConnectionFault, FaultyLink } from '../faults/requested-fault.ts';
import type { AmqpError } from './amqp-error.ts';
import type { LinkContext, LinkRoute } from './link-route.ts';

/** `role` is the hub's. */
const LINKS: Readonly<Record<FaultyLink, { address: string; role: LinkRoute['role'] }>> = {
  cbsRequests: { address: '/$cbs', role: 'receiver' },
  cbsAnswers: { address: '/$cbs', role: 'sender' },
  messages: { address: '/messages/devicebound', role: 'sender' },
  events: { address: '/messages/events', role: 'receiver' },
  methodRequests: { address: '/methods/devicebound', role: 'sender' },
  methodAnswers: { address: '/methods/devicebound', role: 'receiver' },
  twinRequests: { address: '/twin', role: 'receiver' },
  twinAnswers: { address: '/twin', role: 'sender' },
};

/** Lets the connection of a device feel the fault that it asked for on its link for events. */
export function strike(fault: ConnectionFault, reason: string, context: LinkContext): void {
  const { peer, match } = context;
  const [events] = match;
  // The one condition that makes SDKs try again.
  const error: AmqpError = { condition: 'amqp:link:detach-forced', description: reason };
  switch (fault.kind) {
    case 'drop':
      peer.drop();
      break;
    case 'hangUp':
      peer.hangUp();
      break;
    case 'endSession':
      context.endSession(error);
      break;
    case 'detach': {
      const { address, role } = LINKS[fault.link];
      const device = events.replace(/\/messages\/events$/i, '');
      peer.detachLinks(address.startsWith('/$') ? address : device + address, error, role);
    }
  }
}
