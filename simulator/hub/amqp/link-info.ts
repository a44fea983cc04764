import type { Message } from 'rhea';
import { HubError } from '../state/hub-error.ts';
import type { Payloads } from '../wire-log.ts';
import { readBody } from './message-sections.ts';
import type { RheaLink } from './rhea-internals.ts';

/** Transfers on the link whose outcome is open, on the side that is to tell it. */
export function unsettledOn(link: RheaLink): number {
  const { incoming, outgoing } = link.session;
  const isIncoming = link.is_receiver();
  const { entries } = (isIncoming ? incoming : outgoing).deliveries;
  const wanted: unknown = link;
  return entries.filter((delivery) => {
    if (delivery?.link !== wanted) return false;
    return isIncoming ? delivery?.settled === false : delivery?.remote_settled === false;
  }).length;
}

/** The body, or all of a message of a format that rhea does not know. */
export function receivedPayload(message: Message | Buffer): Payloads {
  if (Buffer.isBuffer(message)) return { received: Buffer.from(message) };
  try {
    return { received: readBody(message.body) };
  } catch (error) {
    if (error instanceof HubError) return {};
    throw error;
  }
}
