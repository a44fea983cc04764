import type { Authentication, AuthenticationInput } from './authentication.ts';
import { HubError } from './hub-error.ts';
import type { IdentityName } from './identity-key.ts';

/** Of a device or of one of its modules. */
export interface DeviceIdentity extends IdentityName, Authentication {
  /** Tells a device from an earlier one of the same id. */
  readonly generationId: string;
  /** Without the quotation marks that HTTP puts around it. */
  readonly etag: string;
  /** A module's is that of its device. */
  readonly status: 'enabled' | 'disabled';
  readonly statusReason?: string;
  readonly statusUpdatedAt?: number;
  readonly connectionState: 'Connected' | 'Disconnected';
  readonly connectionStateUpdatedAt?: number;
  readonly lastActivityAt?: number;
  /** Of a module alone. */
  readonly managedBy?: string;
}

/** What a client may set of an identity; the hub fills in the rest. */
export interface DeviceIdentityInput extends IdentityName, AuthenticationInput {
  readonly status?: 'enabled' | 'disabled';
  readonly statusReason?: string;
  readonly managedBy?: string;
}

// The service's own error message lists these; newer pages leave out '+' and '#', which no MQTT topic can carry.
const ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;

/** Throws `argumentInvalid`. */
export function checkIdentityName({ deviceId, moduleId }: IdentityName): void {
  checkId('device', deviceId);
  if (moduleId === undefined) return;
  checkId('module', moduleId);
  if (moduleId.startsWith('$'))
    throw new HubError('argumentInvalid', "Module ids that begin with $ are the hub's own");
}

function checkId(what: string, id: string): void {
  if (ID.test(id)) return;
  throw new HubError(
    'argumentInvalid',
    `The ${what} id must be 1 to 128 ASCII letters, digits and -:.+%_#*?!(),=@;$' characters, and '${id.slice(0, 140)}' is not`,
  );
}
