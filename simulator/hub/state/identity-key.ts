export interface IdentityName {
  readonly deviceId: string;
  /** Undefined for the device itself. */
  readonly moduleId?: string;
}

/** What the hub keeps for an identity it keeps under `device` or `device/module`: no id holds a slash. */
export function identityKey({ deviceId, moduleId }: IdentityName): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}

export function identityName(key: string): IdentityName {
  const [deviceId = '', moduleId] = key.split('/');
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}

/** Where it is below the hub's host name. */
export function identityPath(key: string): string[] {
  const { deviceId, moduleId } = identityName(key);
  return ['devices', deviceId, ...(moduleId === undefined ? [] : ['modules', moduleId])];
}

/** For the hub's messages. */
export function nameInWords(key: string): string {
  const { deviceId, moduleId } = identityName(key);
  return moduleId === undefined
    ? `device '${deviceId}'`
    : `module '${moduleId}' of the device '${deviceId}'`;
}
