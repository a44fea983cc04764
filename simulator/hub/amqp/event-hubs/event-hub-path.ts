import type { Credential } from '../../auth/credential.ts';
import type { HubContext } from '../hub-context.ts';
import { HubError } from '../../state/hub-error.ts';
import type { EventStore } from '../../state/event-store.ts';

/** How the endpoint is called on the hub's own host name. */
export const OWN_PATH = 'messages/events';

/** Upper and lower case are one. */
export function isEventHub({ name }: EventStore, entity: string): boolean {
  return [name, OWN_PATH].includes(entity.toLowerCase());
}

/** Throws the refusal for the first of the addresses if the credential admits to none. */
export function authorizeFor(
  { authenticator }: HubContext,
  credential: Credential,
  addresses: readonly string[],
): void {
  let refusal: HubError | undefined;
  for (const address of addresses) {
    try {
      authenticator.service(credential, 'serviceConnect', pathOf(address));
      return;
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? new HubError('unauthorized');
}

/** In the service's words, by which SDKs know the error. */
export function couldNotBeFound(entity: string): string {
  return `The messaging entity '${entity}' could not be found`;
}

/** The decoded segments of an address. */
export function pathOf(address: string): string[] {
  return address.replace(/^\//, '').split('/').map(decoded);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
