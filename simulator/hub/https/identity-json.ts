import { z } from 'zod';
import type { DeviceIdentity, DeviceIdentityInput } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import { identityKey } from '../state/identity-key.ts';
import type { HubState } from '../state/hub-state.ts';
import { NEVER, type TwinProperties, twinETag } from '../state/twins.ts';
import { checkJson, parseJson } from './json-body.ts';

const NO_THUMBPRINTS = { primaryThumbprint: null, secondaryThumbprint: null };

const thumbprint = z.string().nullish();
const key = z.string().nullish();
const identitySchema = z.object({
  deviceId: z.string().optional(),
  status: z.enum(['enabled', 'disabled']).nullish(),
  statusReason: z.string().max(128).nullish(),
  authentication: z
    .object({
      type: z.string().nullish(),
      symmetricKey: z.object({ primaryKey: key, secondaryKey: key }).nullish(),
      x509Thumbprint: z
        .object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint })
        .nullish(),
    })
    .nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
});

/** Throws `argumentInvalid`, also for what the simulated hub does not know yet. */
export function parseIdentity(body: Buffer, deviceId: string): DeviceIdentityInput {
  return identityInput(parseJson(body), deviceId);
}

/** Throws `argumentInvalid`, as parseIdentity does. */
export function identityInput(value: unknown, deviceId: string): DeviceIdentityInput {
  const { authentication, capabilities, ...given } = checkJson(value, identitySchema);
  if (given.deviceId !== undefined && given.deviceId !== deviceId)
    throw new HubError('argumentInvalid', 'The device id of the body is not that of the path');
  const { primaryThumbprint, secondaryThumbprint } = authentication?.x509Thumbprint ?? {};
  const isSas = (authentication?.type ?? 'sas').toLowerCase() === 'sas';
  if (!isSas || primaryThumbprint || secondaryThumbprint) {
    throw new HubError(
      'argumentInvalid',
      'The simulated hub knows devices with symmetric keys (sas) only so far',
    );
  }
  if (capabilities?.iotEdge)
    throw new HubError('argumentInvalid', 'The simulated hub knows no IoT Edge devices so far');
  // The service SDK sends empty texts for keys that the hub shall choose or keep.
  const primaryKey = authentication?.symmetricKey?.primaryKey || undefined;
  const secondaryKey = authentication?.symmetricKey?.secondaryKey || undefined;
  return {
    deviceId,
    ...(given.status && { status: given.status }),
    ...(typeof given.statusReason === 'string' && { statusReason: given.statusReason }),
    ...(primaryKey !== undefined && { primaryKey }),
    ...(secondaryKey !== undefined && { secondaryKey }),
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
      symmetricKey: { primaryKey: identity.primaryKey, secondaryKey: identity.secondaryKey },
      x509Thumbprint: NO_THUMBPRINTS,
      type: 'sas',
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
    authenticationType: 'sas',
    x509Thumbprint: NO_THUMBPRINTS,
    modelId: '',
    version: twin.version,
    tags: twin.tags,
    properties: { desired: propertiesJson(twin.desired), reported: propertiesJson(twin.reported) },
    ...(!isModule && { capabilities: { iotEdge: false } }),
  };
}

function propertiesJson({ values, metadata, version }: TwinProperties): object {
  return { ...values, $metadata: metadata, $version: version };
}

function toTime(at: number | undefined): string {
  return at === undefined ? NEVER : new Date(at).toISOString();
}
