import { z } from 'zod';
import type { DeviceIdentity, DeviceIdentityInput } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import type { IdentityName } from '../state/identity-key.ts';
import { asReplacement, identityInput, identityJson } from './identity-json.ts';
import { checkJson, parseJson } from './json-body.ts';

const moduleSchema = z.looseObject({
  moduleId: z.string().optional(),
  managedBy: z.string().nullish(),
  authentication: z.looseObject({ type: z.string().nullish() }).nullish(),
});

/** Throws `argumentInvalid`. */
export function parseModule(
  body: Buffer,
  { deviceId, moduleId }: Required<IdentityName>,
): DeviceIdentityInput {
  const { managedBy, ...given } = checkJson(parseJson(body), moduleSchema);
  if (given.moduleId !== undefined && given.moduleId !== moduleId)
    throw new HubError('argumentInvalid', 'The module id of the body is not that of the path');
  const authentication = withKeysAtLeast(given.authentication);
  return {
    ...asReplacement(identityInput({ ...given, authentication }, deviceId)),
    moduleId,
    ...(typeof managedBy === 'string' && { managedBy }),
  };
}

/** A module without any authentication exists in IoT Edge alone: the service makes it one with keys. */
function withKeysAtLeast(given: z.output<typeof moduleSchema>['authentication']): object | null {
  if (!given) return null;
  return given.type?.toLowerCase() === 'none' ? { ...given, type: 'sas' } : given;
}

export function moduleJson(state: HubState, identity: DeviceIdentity): object {
  const {
    status: _status,
    statusReason: _statusReason,
    statusUpdatedTime: _statusUpdatedTime,
    capabilities: _capabilities,
    ...shared
  } = identityJson(state, identity);
  return { moduleId: identity.moduleId, managedBy: identity.managedBy ?? null, ...shared };
}
