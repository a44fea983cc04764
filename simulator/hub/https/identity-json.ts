import { z } from 'zod';
import {
  AUTHENTICATION_TYPES,
  type Authentication,
  type AuthenticationInput,
} from '../state/authentication.ts';
import type { DeviceIdentity, DeviceIdentityInput } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import { identityKey } from '../state/identity-key.ts';
import type { HubState } from '../state/hub-state.ts';
import { newSharedAccessKey } from '../state/shared-access-key.ts';
import { NEVER, type TwinProperties, twinETag } from '../state/twins.ts';
import { checkJson, parseJson } from './json-body.ts';

const thumbprint = z.string().nullish();
const key = z.string().nullish();
/** Upper and lower case are one. */
const authenticationType = z.string().transform((text, context) => {
  const known = AUTHENTICATION_TYPES.find((type) => type.toLowerCase() === text.toLowerCase());
  if (known) return known;
  context.addIssue(`must be one of ${AUTHENTICATION_TYPES.join(', ')}`);
  return z.NEVER;
});
const authentication = z.object({
  type: authenticationType.nullish(),
  symmetricKey: z.object({ primaryKey: key, secondaryKey: key }).nullish(),
  x509Thumbprint: z
    .object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint })
    .nullish(),
});
/** The Java SDK begins it with a capital. */
const status = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['enabled', 'disabled']));
const identitySchema = z.object({
  deviceId: z.string().optional(),
  status: status.nullish(),
  statusReason: z.string().max(128).nullish(),
  authentication: authentication.nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
});

/** Throws `argumentInvalid`, also for what the simulated hub does not know yet. */
export function parseIdentity(body: Buffer, deviceId: string): DeviceIdentityInput {
  return asReplacement(identityInput(parseJson(body), deviceId));
}

/** A PUT replaces all of an identity: without a word on authentication it brings new keys. */
export function asReplacement(input: DeviceIdentityInput): DeviceIdentityInput {
  if (input.authenticationType ?? input.primaryKey ?? input.x509Thumbprint) return input;
  const [primaryKey, secondaryKey] = [newSharedAccessKey(), newSharedAccessKey()];
  return { ...input, authenticationType: 'sas', primaryKey, secondaryKey };
}

/** Throws `argumentInvalid`, as parseIdentity does. */
export function identityInput(value: unknown, deviceId: string): DeviceIdentityInput {
  const { capabilities, ...given } = checkJson(value, identitySchema);
  if (given.deviceId !== undefined && given.deviceId !== deviceId)
    throw new HubError('argumentInvalid', 'The device id of the body is not that of the path');
  if (capabilities?.iotEdge)
    throw new HubError('argumentInvalid', 'The simulated hub knows no IoT Edge devices so far');
  return {
    deviceId,
    ...(given.status && { status: given.status }),
    ...(typeof given.statusReason === 'string' && { statusReason: given.statusReason }),
    ...authenticationInput(given.authentication),
  };
}

function authenticationInput(
  given: z.output<typeof authentication> | null | undefined,
): AuthenticationInput {
  // The service SDK sends empty texts for keys that the hub shall choose or keep.
  const primaryKey = given?.symmetricKey?.primaryKey || undefined;
  const secondaryKey = given?.symmetricKey?.secondaryKey || undefined;
  if ((primaryKey === undefined) !== (secondaryKey === undefined))
    throw new HubError('argumentInvalid', 'Either no keys or both keys can be set');
  const primaryThumbprint = given?.x509Thumbprint?.primaryThumbprint || undefined;
  const secondaryThumbprint = given?.x509Thumbprint?.secondaryThumbprint || undefined;
  return {
    ...(given?.type && { authenticationType: given.type }),
    ...(primaryKey !== undefined && { primaryKey }),
    ...(secondaryKey !== undefined && { secondaryKey }),
    ...((primaryThumbprint !== undefined || secondaryThumbprint !== undefined) && {
      x509Thumbprint: {
        ...(primaryThumbprint !== undefined && { primaryThumbprint }),
        ...(secondaryThumbprint !== undefined && { secondaryThumbprint }),
      },
    }),
  };
}

export function identityJson(
  state: HubState,
  identity: DeviceIdentity,
): Readonly<Record<string, unknown>> {
  return {
    deviceId: identity.deviceId,
    generationId: identity.generationId,
    etag: identity.etag,
    connectionState: identity.connectionState,
    status: identity.status,
    statusReason: identity.statusReason ?? null,
    connectionStateUpdatedTime: toTime(identity.connectionStateUpdatedAt),
    statusUpdatedTime: toTime(identity.statusUpdatedAt),
    lastActivityTime: toTime(identity.lastActivityAt),
    cloudToDeviceMessageCount: state.cloudToDevice.count(identityKey(identity)),
    authentication: {
      // A device without keys has none to show, which JSON tells by null.
      symmetricKey: {
        primaryKey: identity.primaryKey || null,
        secondaryKey: identity.secondaryKey || null,
      },
      x509Thumbprint: thumbprintsJson(identity),
      type: identity.authenticationType,
    },
    capabilities: { iotEdge: false },
  };
}

/** A twin of a device or module as the back end sees it. */
export function twinJson(
  state: HubState,
  identity: DeviceIdentity,
): Readonly<Record<string, unknown>> {
  const name = identityKey(identity);
  const twin = state.twins.get(name);
  const isModule = identity.moduleId !== undefined;
  return {
    deviceId: identity.deviceId,
    ...(isModule && { moduleId: identity.moduleId }),
    etag: twinETag(twin),
    ...(!isModule && { deviceEtag: identity.etag }),
    status: identity.status,
    statusReason: identity.statusReason ?? null,
    statusUpdateTime: toTime(identity.statusUpdatedAt),
    connectionState: identity.connectionState,
    lastActivityTime: toTime(identity.lastActivityAt),
    cloudToDeviceMessageCount: state.cloudToDevice.count(name),
    authenticationType: identity.authenticationType,
    x509Thumbprint: thumbprintsJson(identity),
    modelId: '',
    version: twin.version,
    tags: twin.tags,
    properties: { desired: propertiesJson(twin.desired), reported: propertiesJson(twin.reported) },
    ...(!isModule && { capabilities: { iotEdge: false } }),
  };
}

function thumbprintsJson({ x509Thumbprint }: Authentication): object {
  const { primaryThumbprint = null, secondaryThumbprint = null } = x509Thumbprint ?? {};
  return { primaryThumbprint, secondaryThumbprint };
}

function propertiesJson({ values, metadata, version }: TwinProperties): object {
  return { ...values, $metadata: metadata, $version: version };
}

function toTime(at: number | undefined): string {
  return at === undefined ? NEVER : new Date(at).toISOString();
}
