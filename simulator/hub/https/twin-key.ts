import { HubError } from '../state/hub-error.ts';
import { nameInWords } from '../state/identity-key.ts';
import { identityKeyIn, type RouteRequest } from './route.ts';

/** Throws `deviceNotFound`, which the service answers for a module that is not there as well. */
export function twinKeyIn(request: RouteRequest): string {
  const key = identityKeyIn(request);
  if (request.state.registry.find(key)) return key;
  throw new HubError('deviceNotFound', `The ${nameInWords(key)} is not registered`);
}
